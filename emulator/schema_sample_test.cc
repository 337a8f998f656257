#include "emulator/schema_sample.h"

#include <gtest/gtest.h>

namespace tidegate::emulator {
namespace {

std::string Sample(std::string_view schema) {
  const Result<std::string> sample = SampleSchema(schema, "[emulated m]");
  return sample.ok() ? *sample : "error: " + Describe(sample.error());
}

TEST(SchemaSample, BasicTypesNestAndOnlyRequiredPropertiesAreFilled) {
  EXPECT_EQ(Sample(R"({"type":"object","required":["a","n","inner","list"],"properties":{
                    "a":{"type":"string"},"optional":{"type":"string"},"n":{"type":"integer"},
                    "inner":{"type":"object","properties":{"b":{"type":"boolean"},
                    "z":{"type":"null"}}},
                    "list":{"type":"array","items":{"type":"number"},"minItems":2}}})"),
            R"({"a":"[emulated m]","n":1,"inner":{"b":true,"z":null},"list":[1,1]})");
}

TEST(SchemaSample, EnumConstAndAlternativesTakeTheirFirst) {
  EXPECT_EQ(Sample(R"({"enum":["red","blue"]})"), R"("red")");
  EXPECT_EQ(Sample(R"({"const":{"x":[1]}})"), R"({"x":[1]})");
  EXPECT_EQ(Sample(R"({"anyOf":[{"type":"boolean"},{"type":"null"}]})"), "true");
  EXPECT_EQ(Sample(R"({"type":["null","integer"]})"), "1");
}

TEST(SchemaSample, NumbersKeepTheirBounds) {
  EXPECT_EQ(Sample(R"({"type":"integer","minimum":10,"maximum":12})"), "10");
  EXPECT_EQ(Sample(R"({"type":"integer","exclusiveMinimum":10})"), "11");
  EXPECT_EQ(Sample(R"({"type":"integer","maximum":-5})"), "-5");
  EXPECT_EQ(Sample(R"({"type":"integer","minimum":13,"multipleOf":5})"), "15");
  EXPECT_EQ(Sample(R"({"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.5})"), "0.25");
}

TEST(SchemaSample, StringsKeepTheirLengthsAndFormats) {
  EXPECT_EQ(Sample(R"({"type":"string","maxLength":5})"), R"("[emul")");
  EXPECT_EQ(Sample(R"({"type":"string","minLength":15})"), R"("[emulated m]...")");
  EXPECT_EQ(Sample(R"({"type":"string","format":"date"})"), R"("2025-01-31")");
}

TEST(SchemaSample, ReferencesAreFollowedAndASchemaThatContainsItselfEnds) {
  EXPECT_EQ(Sample(R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"integer"}}})"), "1");
  const std::string tree = Sample(
      R"({"type":"object","required":["children"],
          "properties":{"children":{"type":"array","items":{"$ref":"#"}}}})");
  EXPECT_TRUE(tree.starts_with(R"({"children":[{"children":[)")) << tree;
}

TEST(SchemaSample, AnEndlessOrWrongSchemaIsAnError) {
  EXPECT_FALSE(SampleSchema(R"({"$ref":"#"})", "x").ok());
  EXPECT_FALSE(SampleSchema(R"({"type":"strnig"})", "x").ok());
  EXPECT_FALSE(SampleSchema(R"({"$ref":"#/$defs/none"})", "x").ok());
  EXPECT_FALSE(SampleSchema("[", "x").ok());
  EXPECT_FALSE(SampleSchema(R"({"enum":[]})", "x").ok());
}

}  // namespace
}  // namespace tidegate::emulator
