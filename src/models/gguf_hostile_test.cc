// Model files that are damaged, or made to do damage.
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "models/gguf.h"
#include "models/gguf_builder.h"
#include "models/gguf_info.h"

namespace tidegate::models {
namespace {

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();

Result<GgufMetadata> Read(const GgufBuilder& builder) {
  MemorySource source(builder.bytes());
  return ReadGguf(source);
}

// A header with one more key after the architecture's.
GgufBuilder OneKey() {
  GgufBuilder builder(0, 2);
  builder.KeyText("general.architecture", "llama");
  return builder;
}

GgufBuilder OneTensor() {
  GgufBuilder builder(1, 1);
  builder.KeyText("general.architecture", "llama");
  return builder;
}

struct Hostile {
  std::string situation;
  std::function<GgufBuilder()> make;
  std::string complaint;  // part of the message, so that the refusal is for this reason
};

void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.situation; }

std::vector<Hostile> HostileHeaders() {
  return {
      {"version 0", [] { return GgufBuilder(0, 0, 0); }, "version is 0"},
      {"version 1", [] { return GgufBuilder(0, 0, 1); }, "version is 1"},
      {"version 4", [] { return GgufBuilder(0, 0, 4); }, "version is 4"},
      {"the largest version", [] { return GgufBuilder(0, 0, 0xffff'ffff); },
       "version is 4294967295"},
      {"big-endian", [] { return GgufBuilder(0, 0, 0x0300'0000); }, "big-endian"},
      {"as many tensors as a number can say", [] { return GgufBuilder(kHuge, 0); }, "tensors"},
      {"as many keys as a number can say", [] { return GgufBuilder(0, kHuge); }, "metadata keys"},
      {"more keys than the file has bytes for", [] { return GgufBuilder(0, 2); }, "metadata keys"},
      {"more tensors than the file has bytes for",
       [] { return GgufBuilder(3, 1).KeyText("general.architecture", "llama"); }, "3 tensors"},
      {"no architecture", [] { return GgufBuilder(0, 1).KeyText("general.name", "x"); },
       "architecture is missing"},
      {"an empty architecture",
       [] { return GgufBuilder(0, 1).KeyText("general.architecture", ""); },
       "architecture is missing"},
  };
}

std::vector<Hostile> HostileKeys() {
  return {
      {"a key of 2^64-1 bytes", [] { return OneKey().Raw(kHuge).Raw(kHuge); }, "a key of"},
      {"a key longer than the format allows",
       [] { return OneKey().KeyU32(std::string(65'536, 'k'), 1); }, "a key of 65536"},
      {"an empty key", [] { return OneKey().KeyU32("", 1); }, "not plain ASCII"},
      {"a key with a NUL", [] { return OneKey().KeyU32(std::string_view("a\0b", 3), 1); },
       "not plain ASCII"},
      {"a key in UTF-8", [] { return OneKey().KeyU32("caf\xc3\xa9", 1); }, "not plain ASCII"},
      {"a key that repeats", [] { return OneKey().KeyText("general.architecture", "bert"); },
       "appears twice"},
      {"a value type after the last", [] { return OneKey().Key("k", 13).Raw<std::uint64_t>(0); },
       "value type 13"},
      {"the largest value type",
       [] { return OneKey().Key("k", 0xffff'ffff).Raw<std::uint64_t>(0); },
       "value type 4294967295"},
      {"a truth value of 2", [] { return OneKey().Key("k", kGgufBool).Raw<std::uint8_t>(2); },
       "neither 0 nor 1"},
      {"a string of 2^64-1 bytes", [] { return OneKey().Key("k", kGgufString).Raw(kHuge); },
       "a string of"},
      {"a string that reaches beyond the end",
       [] { return OneKey().Key("k", kGgufString).Raw<std::uint64_t>(100).Raw<std::uint8_t>(0); },
       "a string of 100"},
      {"a name that is a number", [] { return OneKey().KeyU32("general.name", 1); },
       "is no string"},
      {"a template that is a number", [] { return OneKey().KeyU32("tokenizer.chat_template", 1); },
       "is no string"},
      {"a name as long as a book",
       [] { return OneKey().KeyText("general.name", std::string(257, 'n')); }, "257 bytes"},
      {"a context of 2^31 tokens",
       [] { return OneKey().KeyU32("llama.context_length", 0x8000'0000); },
       "no number from 0 to 2147483647"},
      {"a negative context",
       [] { return OneKey().Key("llama.context_length", kGgufI32).Raw<std::int32_t>(-1); },
       "no number from 0 to 2147483647"},
      {"a context that is text", [] { return OneKey().KeyText("llama.context_length", "4096"); },
       "no number from 0 to 2147483647"},
      {"alignment 0", [] { return OneKey().KeyU32("general.alignment", 0); }, "alignment"},
      {"alignment 24", [] { return OneKey().KeyU32("general.alignment", 24); }, "alignment"},
      {"alignment 2^31", [] { return OneKey().KeyU32("general.alignment", 0x8000'0000); },
       "alignment"},
      {"an alignment that is text", [] { return OneKey().KeyText("general.alignment", "32"); },
       "alignment"},
      {"more parts than fit 16 bits", [] { return OneKey().KeyU32("split.count", 65'536); },
       "no small number"},
      {"part 3 of 1", [] { return OneKey().KeyU32("split.no", 3); }, "part 3 of 1"},
  };
}

std::vector<Hostile> HostileArrays() {
  const auto array = [](std::uint32_t type, std::uint64_t count) {
    return OneKey().Key("k", kGgufArray).Raw(type).Raw(count);
  };
  return {
      {"an array of arrays", [=] { return array(kGgufArray, 1); }, "array of arrays"},
      {"an array of an unknown type", [=] { return array(99, 1); }, "unknown type 99"},
      {"an array whose size in bytes wraps", [=] { return array(kGgufU64, kHuge / 8 + 1); },
       "elements"},
      {"an array of 2^64-1 bytes", [=] { return array(kGgufU8, kHuge); }, "elements"},
      {"an array of 2^64-1 strings", [=] { return array(kGgufString, kHuge); }, "elements"},
      {"an array longer than the file", [=] { return array(kGgufF64, 1); },
       "an array of 1 elements"},
      {"an array whose last string reaches beyond the end",
       [=] { return array(kGgufString, 2).Text("ok").Raw<std::uint64_t>(1); }, "a string of 1"},
      {"an array with a string of 2^64-1 bytes", [=] { return array(kGgufString, 1).Raw(kHuge); },
       "a string of"},
  };
}

std::vector<Hostile> HostileTensors() {
  return {
      {"a tensor of five dimensions",
       [] {
         return OneTensor().Tensor("w", {1, 1, 1, 1, 1}, 0, 0).Data(4);
       },
       "5 dimensions"},
      {"a tensor with a dimension of 0",
       [] {
         return OneTensor().Tensor("w", {4, 0}, 0, 0).Data(4);
       },
       "dimensions of tensor w are impossible"},
      {"dimensions whose product wraps to something small",
       [] {
         return OneTensor().Tensor("w", {1ULL << 32, 1ULL << 32}, 0, 0).Data(64);
       },
       "dimensions of tensor w are impossible"},
      {"elements that fit but whose bytes wrap",
       [] { return OneTensor().Tensor("w", {1ULL << 62}, 0, 0).Data(64); }, "reaches beyond"},
      {"an offset that wraps with the size",
       [] { return OneTensor().Tensor("w", {64}, 0, kHuge - 31).Data(256); }, "reaches beyond"},
      {"an offset beyond the end", [] { return OneTensor().Tensor("w", {4}, 0, 1 << 20).Data(64); },
       "reaches beyond"},
      {"a tensor one byte longer than the file",
       [] { return OneTensor().Tensor("w", {16}, 0, 0).Data(63); }, "reach beyond"},
      {"an offset that is not aligned", [] { return OneTensor().Tensor("w", {4}, 0, 8).Data(64); },
       "not aligned"},
      {"a tensor type after the last", [] { return OneTensor().Tensor("w", {4}, 42, 0).Data(64); },
       "unknown type 42"},
      {"a tensor type that was removed",
       [] { return OneTensor().Tensor("w", {32}, 4, 0).Data(64); }, "unknown type 4"},
      {"a row that is half a block",
       [] {
         return OneTensor().Tensor("w", {16, 2}, 2, 0).Data(64);
       },
       "whole number of blocks"},
      {"a tensor name longer than the format allows",
       [] { return OneTensor().Tensor(std::string(64, 'w'), {4}, 0, 0).Data(64); },
       "tensor name of 64"},
      {"a tensor name with a line break",
       [] { return OneTensor().Tensor("a\nb", {4}, 0, 0).Data(64); }, "not plain ASCII"},
      {"a tensor table that is cut off",
       [] { return OneTensor().Text("w").Raw<std::uint32_t>(1).Raw<std::uint64_t>(4).Raw(kHuge); },
       "middle of its header"},
      {"two tensors of one name",
       [] {
         GgufBuilder builder(2, 1);
         builder.KeyText("general.architecture", "llama");
         return builder.Tensor("w", {4}, 0, 0).Tensor("w", {4}, 0, 32).Data(64);
       },
       "appears twice"},
  };
}

// --- every key that is used, with what it must not hold ---

constexpr const char* kNumberKeys[] = {
    "block_count",
    "nextn_predict_layers",
    "embedding_length",
    "vocab_size",
    "attention.key_length",
    "attention.value_length",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "attention.sliding_window",
    "attention.shared_kv_layers",
    "attention.q_lora_rank",
    "attention.kv_lora_rank",
    "attention.key_length_mla",
    "attention.value_length_mla",
    "rope.dimension_count",
    "full_attention_interval",
    "expert_count",
    "expert_used_count",
    "expert_feed_forward_length",
    "expert_shared_feed_forward_length",
    "expert_shared_count",
    "leading_dense_block_count",
    "ssm.conv_kernel",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.group_count",
    "ssm.time_step_rank",
    "wkv.head_size",
    "token_shift_count",
    "shortconv.l_cache",
    "context_length",
    "pooling_type",
};
constexpr const char* kPerLayerKeys[] = {"feed_forward_length", "attention.head_count",
                                         "attention.head_count_kv",
                                         "attention.sliding_window_pattern"};
constexpr const char* kTextKeys[] = {
    "general.architecture",    "general.type",        "general.name",
    "general.size_label",      "general.license",     "general.base_model.0.name",
    "tokenizer.ggml.model",    "clip.projector_type", "clip.vision.projector_type",
    "tokenizer.chat_template",
};
constexpr const char* kProjectorNumbers[] = {
    "clip.vision.image_size",           "clip.vision.patch_size",
    "clip.vision.embedding_length",     "clip.vision.feed_forward_length",
    "clip.vision.attention.head_count", "clip.vision.block_count",
    "clip.vision.projection_dim",
};

// What no key for a number may hold.
struct WrongNumber {
  const char* what;
  std::function<void(GgufBuilder&, const std::string& key)> write;
};
std::vector<WrongNumber> WrongNumbers() {
  return {
      {"a text", [](auto& file, const auto& key) { file.KeyText(key, "4096"); }},
      {"an F32", [](auto& file, const auto& key) { file.Key(key, kGgufF32).Raw(1.0F); }},
      {"an F64", [](auto& file, const auto& key) { file.Key(key, kGgufF64).Raw(1.0); }},
      {"a negative number",
       [](auto& file, const auto& key) { file.Key(key, kGgufI32).template Raw<std::int32_t>(-1); }},
      {"2^31", [](auto& file, const auto& key) { file.KeyU32(key, 0x8000'0000); }},
      {"2^64-1", [](auto& file, const auto& key) { file.Key(key, kGgufU64).Raw(kHuge); }},
      {"a list of texts",
       [](auto& file, const auto& key) {
         file.KeyTexts(key, {"1", "2"});
       }},
      {"an empty list", [](auto& file, const auto& key) { file.KeyNumbers(key, {}); }},
  };
}

std::vector<Hostile> WrongValues(const std::string& architecture, const std::string& key,
                                 bool also_lists) {
  std::vector<Hostile> files;
  const auto add = [&](const WrongNumber& wrong) {
    files.push_back({key + " that is " + wrong.what,
                     [=] {
                       GgufBuilder file(0, 2);
                       file.KeyText("general.architecture", architecture);
                       wrong.write(file, key);
                       return file;
                     },
                     key + " is "});
  };
  for (const WrongNumber& wrong : WrongNumbers()) add(wrong);
  if (also_lists) {
    add({"a truth value", [](auto& file, const auto& name) { file.KeyBool(name, true); }});
    add({"a list of numbers", [](auto& file, const auto& name) { file.KeyNumbers(name, {1, 2}); }});
  }
  return files;
}

std::vector<Hostile> HostileNumbers() {
  std::vector<Hostile> files;
  for (const char* key : kNumberKeys) {
    for (auto& file : WrongValues("llama", std::string("llama.") + key, true)) {
      files.push_back(std::move(file));
    }
  }
  for (const char* key : kPerLayerKeys) {
    for (auto& file : WrongValues("llama", std::string("llama.") + key, false)) {
      files.push_back(std::move(file));
    }
  }
  for (const char* key : kProjectorNumbers) {
    for (auto& file : WrongValues("clip", key, true)) files.push_back(std::move(file));
  }
  return files;
}

std::vector<Hostile> HostileTexts() {
  std::vector<Hostile> files;
  for (const std::string key : kTextKeys) {
    const bool is_template = key == "tokenizer.chat_template";
    const std::size_t too_long = 1 + (is_template ? kGgufTemplateBytesMax : kGgufDisplayBytesMax);
    files.push_back({key + " that is a number", [=] { return GgufBuilder(0, 1).KeyU32(key, 1); },
                     key + " is no string"});
    files.push_back({key + " that is a list",
                     [=] {
                       return GgufBuilder(0, 1).KeyTexts(key, {"a", "b"});
                     },
                     key + " is no string"});
    files.push_back({key + " that is too long",
                     [=] { return GgufBuilder(0, 1).KeyText(key, std::string(too_long, 'x')); },
                     std::to_string(too_long) + " bytes"});
  }
  for (const std::string key : {"split.count", "split.no"}) {
    files.push_back({key + " that is a list", [=] { return OneKey().KeyNumbers(key, {1}); },
                     "no small number"});
    files.push_back(
        {key + " that is a text", [=] { return OneKey().KeyText(key, "1"); }, "no small number"});
  }
  for (const std::string key : {"clip.has_vision_encoder", "clip.has_audio_encoder"}) {
    const auto clip = [] {
      GgufBuilder file(0, 2);
      file.KeyText("general.architecture", "clip");
      return file;
    };
    files.push_back(
        {key + " that is a number", [=] { return clip().KeyU32(key, 1); }, "no truth value"});
    files.push_back(
        {key + " that is a list", [=] { return clip().KeyNumbers(key, {1}); }, "no truth value"});
  }
  files.push_back({"llama.attention.causal that is a number",
                   [] { return OneKey().KeyU32("llama.attention.causal", 1); }, "no truth value"});
  files.push_back({"a file type that is a text",
                   [] { return OneKey().KeyText("general.file_type", "Q8_0"); }, "is no number"});
  files.push_back({"a file type that is a list",
                   [] { return OneKey().KeyNumbers("general.file_type", {7}); }, "is no number"});
  files.push_back({"an alignment that is a list",
                   [] { return OneKey().KeyNumbers("general.alignment", {32}); }, "alignment"});
  files.push_back({"a vocabulary of numbers",
                   [] { return OneKey().KeyNumbers("tokenizer.ggml.tokens", {1}); },
                   "no list of strings"});
  return files;
}

std::vector<Hostile> HostileLayers() {
  std::vector<Hostile> files = {
      {"more layers than are possible",
       [] { return OneKey().KeyU32("llama.block_count", kGgufLayersMax + 1); },
       "at most 1024 are possible"},
      {"a tensor of a layer beyond them",
       [] { return OneTensor().Tensor("blk.1024.attn_q.weight", {4}, 0, 0).Data(64); },
       "of a layer beyond"},
      {"a list longer than there can be layers",
       [] {
         GgufBuilder file = OneKey();
         file.Key("llama.attention.head_count", kGgufArray).Raw<std::uint32_t>(kGgufU8);
         file.Raw<std::uint64_t>(kGgufLayersMax + 1);
         for (std::uint32_t i = 0; i <= kGgufLayersMax; ++i) file.Raw<std::uint8_t>(1);
         return file;
       },
       "nor one for each layer"},
      {"sizes of a thousand architectures",
       [] {
         GgufBuilder file(0, 1'026);
         file.KeyText("general.architecture", "llama");
         for (int i = 0; i < 1'025; ++i) file.KeyU32("a" + std::to_string(i) + ".block_count", 1);
         return file;
       },
       "more architectures than one"},
  };
  for (const char* key : kPerLayerKeys) {
    files.push_back({std::string("three numbers of ") + key + " for two layers",
                     [=] {
                       GgufBuilder file(0, 3);
                       file.KeyText("general.architecture", "llama");
                       file.KeyU32("llama.block_count", 2);
                       return file.KeyNumbers(std::string("llama.") + key, {1, 2, 3});
                     },
                     "has 3 numbers for 2 layers"});
  }
  return files;
}

class HostileGgufTest : public testing::TestWithParam<Hostile> {};

TEST_P(HostileGgufTest, IsRefusedForTheRightReason) {
  const Result<GgufMetadata> metadata = Read(GetParam().make());
  ASSERT_FALSE(metadata.ok());
  EXPECT_EQ(metadata.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(metadata.error().message.find(GetParam().complaint), std::string::npos)
      << metadata.error().message;
}

INSTANTIATE_TEST_SUITE_P(Headers, HostileGgufTest, testing::ValuesIn(HostileHeaders()));
INSTANTIATE_TEST_SUITE_P(Keys, HostileGgufTest, testing::ValuesIn(HostileKeys()));
INSTANTIATE_TEST_SUITE_P(Arrays, HostileGgufTest, testing::ValuesIn(HostileArrays()));
INSTANTIATE_TEST_SUITE_P(Numbers, HostileGgufTest, testing::ValuesIn(HostileNumbers()));
INSTANTIATE_TEST_SUITE_P(Texts, HostileGgufTest, testing::ValuesIn(HostileTexts()));
INSTANTIATE_TEST_SUITE_P(Layers, HostileGgufTest, testing::ValuesIn(HostileLayers()));
INSTANTIATE_TEST_SUITE_P(Tensors, HostileGgufTest, testing::ValuesIn(HostileTensors()));

TEST(GgufTest, WhatDoesNotStartWithTheMagicIsRefused) {
  for (const std::string_view bytes : {"", "G", "GGU", "GGML\3\0\0\0", "<!DOCTYPE html><html>"}) {
    MemorySource source(bytes);
    EXPECT_FALSE(ReadGguf(source).ok()) << bytes;
  }
}

// One of everything that is read.
GgufBuilder RichModel() {
  GgufBuilder file(2, 9);
  file.KeyText("general.architecture", "gemma3").KeyText("general.name", "Rich");
  file.KeyU32("gemma3.block_count", 2).KeyNumbers("gemma3.attention.head_count", {4, 8});
  file.Key("gemma3.context_length", kGgufU64).Raw<std::uint64_t>(8'192);
  file.KeyBool("gemma3.attention.causal", true);
  file.KeyTexts("tokenizer.ggml.tokens", {"a", "<PRE>", ""});
  file.Key("gemma3.rope.freq_base", kGgufF32).Raw(1e6F);
  file.KeyText("tokenizer.chat_template", "{{ messages }}");
  file.Tensor("token_embd.weight", {32, 3}, 8, 0).Tensor("blk.0.attn_q.weight", {32}, 0, 128);
  return file.Data(256);
}

TEST(GgufTest, AModelCutAtAnyByteIsRefused) {
  const std::string whole = RichModel().bytes();
  ASSERT_TRUE(Read(RichModel()).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    MemorySource source(std::string_view(whole).substr(0, size));
    const Result<GgufMetadata> metadata = ReadGguf(source);
    ASSERT_FALSE(metadata.ok()) << size;
    ASSERT_EQ(metadata.error().code, ErrorCode::kInvalidArgument)
        << size;  // kInternal: read too far
  }
}

TEST(GgufTest, TheListOfHostileFilesIsLong) {
  const std::size_t count = HostileHeaders().size() + HostileKeys().size() +
                            HostileArrays().size() + HostileTensors().size() +
                            HostileNumbers().size() + HostileTexts().size() +
                            HostileLayers().size();
  EXPECT_GE(count, 400U);
}

TEST(GgufTest, AnyByteOfAModelMayBeWrongWithoutHarm) {
  const std::string whole = RichModel().bytes();
  int refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char wrong : {'\x00', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string bytes = whole;
      bytes[at] = wrong;
      MemorySource source(bytes);
      const Result<GgufMetadata> metadata = ReadGguf(source);
      // What is checked of structure does not depend on who reads.
      const auto info = ReadGgufInfo(source, {.whole_lists = true, .tensors = true});
      EXPECT_TRUE(info.ok() || !metadata.ok()) << at;
      if (metadata.ok()) {
        EXPECT_LE(metadata->tensor_bytes, 2 * bytes.size());
      } else {
        ++refused;
        ASSERT_EQ(metadata.error().code, ErrorCode::kInvalidArgument) << at;
      }
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace tidegate::models
