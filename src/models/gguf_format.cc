#include "models/gguf_format.h"

#include <array>

namespace tidegate::models {
namespace {

constexpr std::array<std::uint8_t, kGgufTypes> kValueBytes = {1, 1, 2, 2, 4, 4, 4,
                                                              1, 0, 0, 8, 8, 8};

constexpr TensorType kRemoved{};
constexpr std::array<TensorType, kTensorTypes> kTypes = {{
    {"F32", 1, 4},
    {"F16", 1, 2},
    {"Q4_0", 32, 18},
    {"Q4_1", 32, 20},
    kRemoved,
    kRemoved,
    {"Q5_0", 32, 22},
    {"Q5_1", 32, 24},
    {"Q8_0", 32, 34},
    {"Q8_1", 32, 36},
    {"Q2_K", 256, 84},
    {"Q3_K", 256, 110},
    {"Q4_K", 256, 144},
    {"Q5_K", 256, 176},
    {"Q6_K", 256, 210},
    {"Q8_K", 256, 292},
    {"IQ2_XXS", 256, 66},
    {"IQ2_XS", 256, 74},
    {"IQ3_XXS", 256, 98},
    {"IQ1_S", 256, 50},
    {"IQ4_NL", 32, 18},
    {"IQ3_S", 256, 110},
    {"IQ2_S", 256, 82},
    {"IQ4_XS", 256, 136},
    {"I8", 1, 1},
    {"I16", 1, 2},
    {"I32", 1, 4},
    {"I64", 1, 8},
    {"F64", 1, 8},
    {"IQ1_M", 256, 56},
    {"BF16", 1, 2},
    kRemoved,
    kRemoved,
    kRemoved,
    {"TQ1_0", 256, 54},
    {"TQ2_0", 256, 66},
    kRemoved,
    kRemoved,
    kRemoved,
    {"MXFP4", 32, 17},
    {"NVFP4", 64, 36},
    {"Q1_0", 128, 18},
}};

struct FileType {
  std::uint32_t number;
  std::string_view name;
};
constexpr std::array kFileTypes = {
    FileType{0, "F32"},      FileType{1, "F16"},     FileType{2, "Q4_0"},    FileType{3, "Q4_1"},
    FileType{7, "Q8_0"},     FileType{8, "Q5_0"},    FileType{9, "Q5_1"},    FileType{10, "Q2_K"},
    FileType{11, "Q3_K_S"},  FileType{12, "Q3_K_M"}, FileType{13, "Q3_K_L"}, FileType{14, "Q4_K_S"},
    FileType{15, "Q4_K_M"},  FileType{16, "Q5_K_S"}, FileType{17, "Q5_K_M"}, FileType{18, "Q6_K"},
    FileType{19, "IQ2_XXS"}, FileType{20, "IQ2_XS"}, FileType{21, "Q2_K_S"}, FileType{22, "IQ3_XS"},
    FileType{23, "IQ3_XXS"}, FileType{24, "IQ1_S"},  FileType{25, "IQ4_NL"}, FileType{26, "IQ3_S"},
    FileType{27, "IQ3_M"},   FileType{28, "IQ2_S"},  FileType{29, "IQ2_M"},  FileType{30, "IQ4_XS"},
    FileType{31, "IQ1_M"},   FileType{32, "BF16"},   FileType{36, "TQ1_0"},  FileType{37, "TQ2_0"},
    FileType{38, "MXFP4"},   FileType{39, "NVFP4"},  FileType{40, "Q1_0"}};
constexpr std::uint64_t kFileTypeGuessed = 1'024;  // added when the writer guessed

}  // namespace

std::uint32_t GgufValueBytes(std::uint32_t type) { return kValueBytes[type]; }

TensorType TensorTypeOf(std::uint32_t number) {
  return number < kTypes.size() ? kTypes[number] : kRemoved;
}

std::string FileTypeName(std::uint64_t number) {
  number &= ~kFileTypeGuessed;
  for (const FileType& type : kFileTypes) {
    if (type.number == number) return std::string(type.name);
  }
  return "unknown";
}

}  // namespace tidegate::models
