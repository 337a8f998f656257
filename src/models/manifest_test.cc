#include "models/manifest.h"

#include <string>
#include <variant>

#include <gtest/gtest.h>

#include "models/layer_texts.h"

namespace tidegate::models {
namespace {

const std::string kDigestA = "sha256:" + std::string(64, 'a');
const std::string kDigestB = "sha256:" + std::string(64, 'b');

std::string LayerText(std::string_view type, const std::string& digest, std::string_view size,
                      std::string_view more = "") {
  return R"({"mediaType":")" + std::string(type) + R"(","digest":")" + digest + R"(","size":)" +
         std::string(size) + std::string(more) + "}";
}
std::string ManifestText(const std::string& config, const std::string& layers,
                         std::string_view more = "") {
  return R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestType) + R"(","config":)" +
         config + R"(,"layers":)" + layers + std::string(more) + "}";
}
const std::string kConfig = LayerText(kConfigType, kDigestA, "485");

// "field: message" of the refusal, or "accepted".
std::string Refusal(const std::string& text) {
  const auto parsed = ParseManifest(text);
  return parsed.ok() ? "accepted" : parsed.error().field + ": " + parsed.error().message;
}

TEST(Manifest, IsReadAndWrittenAsOllamaDoes) {
  const std::string text = ManifestText(
      kConfig, "[" + LayerText(kModelLayer, kDigestB, "4661211808", R"(,"from":"/models/x")") +
                   "," + LayerText(kTensorLayer, kDigestA, "485", R"(,"name":"w")") + "]");
  const auto parsed = ParseManifest(text);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const Manifest& manifest = std::get<Manifest>(*parsed);
  EXPECT_EQ(manifest.config.media_type, kConfigType);
  EXPECT_EQ(manifest.config.size, 485U);
  ASSERT_EQ(manifest.layers.size(), 2U);
  EXPECT_EQ(manifest.layers[0].digest.ToString(), kDigestB);
  EXPECT_EQ(manifest.layers[0].size, 4'661'211'808U);
  EXPECT_EQ(manifest.layers[0].from, "/models/x");
  EXPECT_EQ(manifest.layers[1].name, "w");
  EXPECT_EQ(manifest.Find(kModelLayer), manifest.layers.data());
  EXPECT_EQ(manifest.Find(kProjectorLayer), nullptr);
  EXPECT_EQ(manifest.Blobs().size(), 2U);  // the config and the tensor are one blob
  EXPECT_EQ(manifest.TotalBytes(), 4'661'212'293U);
  EXPECT_EQ(WriteManifest(manifest), text);
}

TEST(Manifest, MayLackWhatOlderOnesLackAndHaveWhatNewerOnesHave) {
  EXPECT_EQ(Refusal(R"({"schemaVersion":2,"config":)" + kConfig + "}"), "accepted");
  EXPECT_EQ(Refusal(ManifestText(kConfig, "null", R"(,"annotations":{"a":"b"})")), "accepted");
  std::string oci = ManifestText(kConfig, "[]");
  oci.replace(oci.find(kManifestType), kManifestType.size(), kOciManifestType);
  EXPECT_EQ(Refusal(oci), "accepted");
}

TEST(Manifest, IsRefusedWithThePlaceOfTheFault) {
  const auto with_digest = [](const std::string& digest) {
    return Refusal(ManifestText(kConfig, "[" + LayerText(kModelLayer, digest, "1") + "]"));
  };
  const std::string bad_digest =
      "layers[0].digest: a digest is \"sha256:\" and 64 hexadecimal digits";
  EXPECT_EQ(with_digest("sha256:../../../../etc/passwd"), bad_digest);
  EXPECT_EQ(with_digest("sha256:" + std::string(63, 'a') + "/"), bad_digest);
  EXPECT_EQ(with_digest(""), bad_digest);
  EXPECT_EQ(with_digest("sha512:" + std::string(64, 'a')), bad_digest);
  const auto with_size = [](std::string_view size) {
    return Refusal(ManifestText(kConfig, "[" + LayerText(kModelLayer, kDigestB, size) + "]"));
  };
  for (const std::string_view size : {"-1", "8796093022209", "1e30", "\"1\"", "null", "1.5"}) {
    EXPECT_TRUE(with_size(size).starts_with("layers[0].size: ")) << size << with_size(size);
  }
  EXPECT_TRUE(Refusal(ManifestText(LayerText(kConfigType, kDigestA, "2000000"), "[]"))
                  .starts_with("config: "));
  EXPECT_TRUE(Refusal(ManifestText("{}", "[]")).starts_with("config.digest: "));
  EXPECT_TRUE(Refusal(ManifestText(kConfig, "{}")).starts_with("layers: "));
  EXPECT_TRUE(Refusal(ManifestText(kConfig, "[3]")).starts_with("layers[0]: "));
  EXPECT_TRUE(Refusal(ManifestText(kConfig, "[]", R"(,"layers":[])")).starts_with("layers: "));
  EXPECT_TRUE(
      Refusal(R"({"schemaVersion":1,"config":)" + kConfig + "}").starts_with("schemaVersion: "));
  EXPECT_TRUE(Refusal(R"({"schemaVersion":2,"mediaType":"text/html","config":)" + kConfig + "}")
                  .starts_with("mediaType: "));
  EXPECT_NE(Refusal(""), "accepted");
  EXPECT_NE(Refusal("[]"), "accepted");
  EXPECT_NE(Refusal("<html>"), "accepted");
}

TEST(Manifest, StatesOneSizeForOneDigest) {
  EXPECT_EQ(Refusal(ManifestText(kConfig, "[" + LayerText(kModelLayer, kDigestA, "1") + "]")),
            ": states two sizes for " + kDigestA);
}

TEST(Manifest, IsBounded) {
  std::string layers = "[";
  const std::string layer = LayerText("t", kDigestB, "1");
  for (std::size_t i = 0; i < kManifestLayersMax; ++i) layers += layer + ",";
  EXPECT_EQ(Refusal(ManifestText(kConfig, layers + layer + "]")),
            "layers: has more than 16384 layers");
  EXPECT_EQ(ParseManifest(std::string(kManifestBytesMax + 1, ' ')).error().code,
            ErrorCode::kTooLarge);
  EXPECT_TRUE(
      Refusal(ManifestText(kConfig, "[" + LayerText(std::string(1025, 't'), kDigestB, "1") + "]"))
          .starts_with("layers[0].mediaType: "));
}

TEST(Manifest, MayBeAListOfFormsOfWhichOneIsForUs) {
  const auto list = [](const std::string& entries) {
    return R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestListType) +
           R"(","manifests":[)" + entries + "]}";
  };
  const std::string reference = R"({"mediaType":")" + std::string(kManifestType) +
                                R"(","digest":")" + kDigestB + R"(","runner":"llamacpp"})";
  const auto parsed =
      ParseManifest(list(ManifestText(kConfig, "[]", R"(,"runner":"mlx")") + "," + reference));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const ManifestList& read = std::get<ManifestList>(*parsed);
  ASSERT_EQ(read.manifests.size(), 2U);
  EXPECT_EQ(std::get<Manifest>(read.manifests[0]).runner, "mlx");
  EXPECT_EQ(ChooseForm(read), &read.manifests[1]);
  EXPECT_EQ(std::get<ManifestReference>(read.manifests[1]).digest.ToString(), kDigestB);
  EXPECT_EQ(ChooseForm(std::get<ManifestList>(*ParseManifest(list("")))), nullptr);
  EXPECT_NE(Refusal(list(list(""))), "accepted");  // no lists in lists
  EXPECT_TRUE(Refusal(list(R"({"digest":"../x"})")).starts_with("manifests[0].digest: "));
}

TEST(ModelConfig, IsReadAsOllamaWritesIt) {
  const auto config = ParseModelConfig(
      R"({"model_format":"gguf","model_family":"llama","model_families":["llama","clip"],)"
      R"("model_type":"8.0B","file_type":"Q4_0","architecture":"amd64","os":"linux",)"
      R"("context_length":8192,"capabilities":["vision"],"generation_defaults":{"top_k":64},)"
      R"("draft":{"model_format":"gguf","config":"draft/config.json"},)"
      R"("rootfs":{"type":"layers","diff_ids":[]}})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->format, "gguf");
  EXPECT_EQ(config->families, (std::vector<std::string>{"llama", "clip"}));
  EXPECT_EQ(config->parameter_size, "8.0B");
  EXPECT_EQ(config->quantisation, "Q4_0");
  EXPECT_EQ(config->context_tokens, 8192U);
  EXPECT_EQ(config->generation_defaults, (ModelOptions{{"top_k", "64"}}));
  EXPECT_EQ(config->draft->config, "draft/config.json");
  const std::string written = WriteModelConfig(*config, {});
  const auto again = ParseModelConfig(written);
  ASSERT_TRUE(again.ok()) << written;
  EXPECT_EQ(WriteModelConfig(*again, {}), written);
  EXPECT_EQ(again->families, config->families);
  EXPECT_EQ(again->draft->config, "draft/config.json");
  EXPECT_FALSE(again->own_template);
  ModelConfig own = *again;
  own.own_template = true;
  EXPECT_TRUE(ParseModelConfig(WriteModelConfig(own, {}))->own_template);
}

TEST(ModelConfig, TakesNullForNothingAndRefusesWrongTypes) {
  EXPECT_TRUE(ParseModelConfig(R"({"model_families":null,"renderer":null})").ok());
  EXPECT_EQ(ParseModelConfig(R"({"model_family":1})").error().field, "model_family");
  EXPECT_EQ(ParseModelConfig(R"({"model_families":[1]})").error().field, "model_families[0]");
  EXPECT_EQ(ParseModelConfig(R"({"context_length":-1})").error().field, "context_length");
  EXPECT_EQ(ParseModelConfig(R"({"os":"a","os":"b"})").error().field, "os");
  EXPECT_EQ(ParseModelConfig(R"({"own_template":1})").error().field, "own_template");
  EXPECT_FALSE(ParseModelConfig("[]").ok());
}

TEST(LayerTexts, KeepOptionsInOrderAndAsWritten) {
  const auto options =
      ParseOptions(R"({"stop":["<|end|>","\n"],"temperature":1.0,"seed":9007199254740993})");
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(*options, (ModelOptions{{"stop", R"(["<|end|>","\n"])"},
                                    {"temperature", "1.0"},
                                    {"seed", "9007199254740993"}}));
  EXPECT_EQ(WriteOptions(*options),
            R"({"stop":["<|end|>","\n"],"temperature":1.0,"seed":9007199254740993})");
  EXPECT_EQ(ParseOptions(R"({"a":1,"a":2})").error().field, "a");
  EXPECT_FALSE(ParseOptions("[]").ok());
}

TEST(LayerTexts, KeepWhatElseAMessageHas) {
  const std::string text =
      R"([{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[]}])";
  const auto messages = ParseMessages(text);
  ASSERT_TRUE(messages.ok());
  ASSERT_EQ(messages->size(), 2U);
  EXPECT_EQ((*messages)[0].role, "user");
  EXPECT_EQ((*messages)[0].content, "Hi");
  EXPECT_EQ(WriteMessages(*messages), text);
  EXPECT_EQ(WriteMessages({{"user", "\"q\""}}), R"([{"role":"user","content":"\"q\""}])");
  EXPECT_EQ(ParseMessages(R"([{"content":"x"}])").error().field, "[0].role");
  EXPECT_EQ(ParseMessages(R"([{"role":"user","content":3}])").error().field, "[0].content");
}

}  // namespace
}  // namespace tidegate::models
