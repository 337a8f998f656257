#include "models/provenance.h"

#include <limits>

#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::models {
namespace {

Result<void> ReadText(const json::Object& object, std::string_view key, std::string& into) {
  const std::optional<json::Value> value = object.Find(key);
  if (!value) return {};
  TIDEGATE_ASSIGN(into, value->String());
  return {};
}

}  // namespace

Result<Provenance> ParseProvenance(std::string_view bytes) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(bytes, kProvenanceBytesMax));
  TIDEGATE_ASSIGN(const json::Object object, root.Object());
  TIDEGATE_TRY(object.RequireUniqueKeys());
  Provenance provenance;
  std::string manifest;
  TIDEGATE_TRY(ReadText(object, "source", provenance.source));
  TIDEGATE_TRY(ReadText(object, "manifest", manifest));
  TIDEGATE_TRY(ReadText(object, "licence", provenance.licence));
  TIDEGATE_TRY(ReadText(object, "signer", provenance.signer));
  if (!manifest.empty()) {
    TIDEGATE_ASSIGN(provenance.manifest, Digest::Parse(manifest, "manifest"));
  }
  std::string quantised_from;
  TIDEGATE_TRY(ReadText(object, "quantised_from", quantised_from));
  TIDEGATE_TRY(ReadText(object, "quantised_by", provenance.quantised_by));
  if (!quantised_from.empty()) {
    TIDEGATE_ASSIGN(provenance.quantised_from, Digest::Parse(quantised_from, "quantised_from"));
  }
  if (const std::optional<json::Value> time = object.Find("time_s")) {
    TIDEGATE_ASSIGN(provenance.time_s,
                    time->IntegerIn(0, std::numeric_limits<std::int64_t>::max()));
  }
  return provenance;
}

std::string WriteProvenance(const Provenance& provenance) {
  std::string text;
  json::Writer out(text);
  out.BeginObject().Key("source").String(provenance.source);
  if (provenance.manifest) out.Key("manifest").String(provenance.manifest->ToString());
  out.Key("time_s").Integer(provenance.time_s);
  if (!provenance.licence.empty()) out.Key("licence").String(provenance.licence);
  if (!provenance.signer.empty()) out.Key("signer").String(provenance.signer);
  if (provenance.quantised_from) {
    out.Key("quantised_from").String(provenance.quantised_from->ToString());
    out.Key("quantised_by").String(provenance.quantised_by);
  }
  out.EndObject();
  return text;
}

}  // namespace tidegate::models
