#include "emulator/shapes/responses.h"

#include <fmt/format.h>

#include "emulator/shapes/openai_chat.h"
#include "emulator/shapes/shapes.h"
#include "emulator/site.h"
#include "json/reader.h"
#include "json/writer.h"

namespace tidegate::emulator {
namespace {

enum Operation { kCreate, kGet, kDelete, kInputItems };

constexpr std::string_view kPath = "/responses";
constexpr std::size_t kItemsBytesMax = 32U << 20U;

// The input items with ids, as a list has them.
Result<std::string> ListItems(const StoredResponse& stored, std::string_view id) {
  json::Reader reader;
  TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(stored.input, kItemsBytesMax));
  TIDEGATE_ASSIGN(const json::Array items, root.Array());
  std::string text = R"({"object":"list","data":[)";
  std::size_t count = 0;
  const auto id_of = [&](const json::Object& item, std::size_t index) {
    const auto own = item.Find("id");
    if (own && own->is_string()) return std::string(*own->String());
    return fmt::format("msg_{}_{}", id, index);
  };
  std::string first, last;
  for (const json::Value value : items) {
    TIDEGATE_ASSIGN(const json::Object item, value.Object());
    last = id_of(item, count);
    if (count == 0) first = last;
    if (count++ > 0) text += ',';
    json::Writer writer(text);
    writer.BeginObject();
    if (!item.Find("id")) writer.Key("id").String(last);
    if (!item.Find("type")) writer.Key("type").String("message");
    for (const json::Member& member : item) writer.Key(member.key).Raw(member.value.raw());
    writer.EndObject();
  }
  text += fmt::format(R"(],"first_id":"{}","last_id":"{}","has_more":false}})", first, last);
  return text;
}

class Responses final : public Shape {
 public:
  std::string_view name() const override { return "openai-responses"; }

  std::optional<Call> Match(const net::HttpHead& head) const override {
    std::string_view path = head.path();
    const std::size_t at = path.find(kPath);
    const std::string_view prefix = path.substr(0, std::min(at, path.size()));
    if (prefix != "/v1" && !prefix.empty() && prefix != "/openai/v1") return std::nullopt;
    if (at == std::string_view::npos) return std::nullopt;
    path.remove_prefix(at + kPath.size());
    Call call;
    if (path.empty()) return head.method() == "POST" ? std::optional(call) : std::nullopt;
    if (!path.starts_with('/')) return std::nullopt;
    path.remove_prefix(1);
    call.plain = true;
    call.id = path.substr(0, path.find('/'));
    const std::string_view rest = path.substr(call.id.size());
    if (head.method() == "GET" && (rest.empty() || rest == "/input_items")) {
      call.operation = rest.empty() ? kGet : kInputItems;
      return call;
    }
    call.operation = kDelete;
    return head.method() == "DELETE" && rest.empty() ? std::optional(call) : std::nullopt;
  }

  std::optional<Refusal> CheckKey(const Received& received, const Model& model) const override {
    return CheckOpenAiKey(received, model);
  }
  Result<ChatRequest> Parse(const Received&, const json::Value& body, const Model&,
                            const Site& site) const override {
    return responses::ParseRequest(body, site.responses);
  }
  void WriteWhole(const Reply& reply, std::string& out) const override {
    responses::WriteResponse(reply, out);
  }
  std::unique_ptr<Frames> Stream(const Reply& reply) const override {
    return responses::MakeFrames(reply);
  }
  void WriteError(const Refusal& refusal, const Model* model, std::string& out) const override {
    const ErrorStyle style = model != nullptr ? model->quirks.error_style : ErrorStyle::kOpenAi;
    WriteOpenAiError(refusal, out, style);
  }
  std::string HeadFields(const HeadFacts& facts) const override { return OpenAiHeadFields(facts); }

  void Answered(Site& site, const Reply& reply) const override {
    const auto& extra = static_cast<const responses::Extra&>(*reply.request.extra);
    if (!extra.store) return;
    StoredResponse stored;
    stored.model = reply.answer.model;
    responses::WriteResponse(reply, stored.body);
    stored.input = extra.input;
    stored.conversation = responses::JoinArrays(extra.conversation, responses::OutputItems(reply));
    site.responses.Put("resp_" + reply.answer.id, std::move(stored));
  }

  Result<std::string> AnswerPlain(Site& site, const Received& received) const override {
    const std::string& id = received.call.id;
    const auto stored = site.responses.Find(id);
    if (!stored) return NotFound(fmt::format("Response with id '{}' not found.", id));
    const ServedModel* served = site.FindModel(stored->model);
    if (served != nullptr) {
      if (auto refusal = CheckKey(received, served->model())) return std::move(refusal->error);
    }
    if (received.call.operation == kGet) return stored->body;
    if (received.call.operation == kInputItems) return ListItems(*stored, id);
    site.responses.Erase(id);
    return fmt::format(R"({{"id":"{}","object":"response","deleted":true}})", id);
  }
};

}  // namespace

const Shape& ResponsesShape() {
  static const Responses kShape;
  return kShape;
}

}  // namespace tidegate::emulator
