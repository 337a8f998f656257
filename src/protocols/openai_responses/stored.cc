#include "protocols/openai_responses/stored.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "json/reader.h"
#include "json/splice.h"
#include "json/writer.h"
#include "protocols/json_members.h"
#include "protocols/limits.h"
#include "protocols/openai_responses/item_ids.h"
#include "protocols/openai_responses/limits.h"
#include "protocols/openai_responses/response_tap.h"
#include "protocols/scratch_reader.h"

namespace tidegate::protocols::openai_responses {
namespace {

struct ItemKind {
  std::string_view type, prefix;
  bool id_matters;  // upstreams that keep nothing must not be sent any other name of theirs
};
constexpr std::array<ItemKind, 6> kKinds = {{{"message", "msg", false},
                                             {"function_call", "fc", false},
                                             {"function_call_output", "fco", false},
                                             {"custom_tool_call", "ctc", false},
                                             {"custom_tool_call_output", "ctco", false},
                                             {"reasoning", "rs", true}}};

std::string_view TypeOf(const json::Object& item) {
  const std::string_view type = StringOrEmpty(item, "type");
  return type.empty() ? "message" : type;
}

const ItemKind* KindOf(std::string_view type) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const ItemKind& kind) { return kind.type == type; });
  return found == kKinds.end() ? nullptr : &*found;
}

// An item as it is kept: with a name and a type, and its content as a list.
void AppendKept(const json::Value& item, std::string_view text, const std::string& id,
                std::string& out) {
  const json::Object object = *item.Object();
  const json::Span span = item.span();
  json::Splice splice(text.substr(0, span.end));
  std::string front;
  const auto add = [&](std::string_view key, std::string_view value) {
    if (FindSet(object, key)) return;
    const std::optional<json::Value> null = object.Find(key);
    std::string quoted;
    json::Writer(quoted).String(value);
    if (null) {
      splice.ReplaceOwned(null->span(), std::move(quoted));
    } else {
      front += '"' + std::string(key) + "\":" + quoted + ',';
    }
  };
  add("id", id);
  const bool message = TypeOf(object) == "message";
  add("type", "message");
  if (message) add("status", "completed");
  splice.ReplaceOwned({span.begin + 1, span.begin + 1}, std::move(front));
  const std::optional<json::Value> content = object.Find("content");
  if (message && content && content->is_string()) {
    const bool said = StringOrEmpty(object, "role") == "assistant";
    std::string list = R"([{"type":")";
    list += said ? "output_text" : "input_text";
    list += R"(","text":)" + std::string(content->raw());
    list += said ? R"(,"annotations":[]}])" : "}]";
    splice.ReplaceOwned(content->span(), std::move(list));
  }
  out += splice.Join().substr(span.begin);
}

// An item of a kept turn as an upstream takes it that never heard of it.
std::string Anew(const json::Value& item, std::string_view text) {
  const json::Object object = *item.Object();
  const ItemKind* const kind = KindOf(TypeOf(object));
  if (kind == nullptr || kind->id_matters) return std::string(item.raw());
  constexpr std::array<std::string_view, 1> kId = {"id"};
  const json::Span span = item.span();
  json::Splice splice(text.substr(0, span.end));
  const json::Span id = json::RemovalSpans(object, kId)[0];
  if (!id.empty()) splice.Erase(id);
  return splice.Join().substr(span.begin);
}

void AppendItem(std::string_view item, std::string& out) {
  if (!out.ends_with('[')) out += ',';
  out += item;
}

// What a turn said: what came, then what was answered. `take` is called with each of the two lists
// and the text it stands in.
template <typename Take>
Result<void> ReadTurn(const StoredTurn& turn, json::Reader& reader, Take take) {
  {
    TIDEGATE_ASSIGN(const json::Value input, reader.ParseCopy(turn.input, kRequestBytesMax));
    TIDEGATE_ASSIGN(const json::Array items, input.Array());
    TIDEGATE_TRY(take(items, reader.text()));
  }
  TIDEGATE_ASSIGN(const json::Value body, reader.ParseCopy(turn.body, kRequestBytesMax));
  TIDEGATE_ASSIGN(const json::Object response, body.Object());
  TIDEGATE_ASSIGN(const json::Value output, response.Get("output"));
  TIDEGATE_ASSIGN(const json::Array items, output.Array());
  return take(items, reader.text());
}

// The items of kept turns by their names, each as the turn has it and as an upstream takes it.
class NamedItems {
 public:
  Result<void> Take(std::span<const StoredTurn> sources) {
    json::Reader reader;
    for (const StoredTurn& turn : sources) {
      TIDEGATE_TRY(ReadTurn(turn, reader,
                            [&](const json::Array& items, std::string_view text) -> Result<void> {
                              for (const json::Value item : items) {
                                TIDEGATE_ASSIGN(const json::Object object, item.Object());
                                const std::string_view id = StringOrEmpty(object, "id");
                                if (id.empty()) continue;
                                Named& named = items_[std::string(id)];
                                named.kept = item.raw();
                                named.anew = Anew(item, text);
                              }
                              return {};
                            }));
    }
    return {};
  }

  // The item itself, or the one it names. Nothing when that is not there.
  std::optional<std::string_view> Kept(const json::Value& item) const {
    const Named* const named = Find(item);
    if (!IsReference(item)) return item.raw();
    return named == nullptr ? std::nullopt : std::optional<std::string_view>(named->kept);
  }
  std::optional<std::string_view> AsSent(const json::Value& item) const {
    const Named* const named = Find(item);
    if (!IsReference(item)) return item.raw();
    return named == nullptr ? std::nullopt : std::optional<std::string_view>(named->anew);
  }
  static bool IsReference(const json::Value& item) {
    return item.is_object() && StringOrEmpty(*item.Object(), "type") == "item_reference";
  }
  static std::string_view NameIn(const json::Value& item) {
    return StringOrEmpty(*item.Object(), "id");
  }

 private:
  struct Named {
    std::string kept, anew;
  };
  const Named* Find(const json::Value& item) const {
    if (!IsReference(item)) return nullptr;
    const auto found = items_.find(std::string(NameIn(item)));
    return found == items_.end() ? nullptr : &found->second;
  }
  std::unordered_map<std::string, Named> items_;
};

// The value of a parameter of a query, percent-decoded; nothing when it is not there.
std::optional<std::string> Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    std::string value;
    std::string_view rest = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    while (!rest.empty()) {
      unsigned byte = 0;
      const bool escape =
          rest[0] == '%' && rest.size() > 2 &&
          std::from_chars(rest.data() + 1, rest.data() + 3, byte, 16).ptr == rest.data() + 3;
      value += escape ? static_cast<char>(byte) : rest[0] == '+' ? ' ' : rest[0];
      rest.remove_prefix(escape ? 3 : 1);
    }
    return value;
  }
  return std::nullopt;
}

struct Page {
  std::int64_t limit = kListLimitDefault;
  bool newest_first = true;
  std::string after;
};

Result<Page> ReadPage(std::string_view query) {
  Page page;
  if (const std::optional<std::string> limit = Parameter(query, "limit")) {
    const char* const end = limit->data() + limit->size();
    const auto parsed = std::from_chars(limit->data(), end, page.limit);
    if (parsed.ec != std::errc() || parsed.ptr != end || page.limit < 1 ||
        page.limit > kListLimitMax) {
      return InvalidArgument("limit",
                             "must be a number from 1 to " + std::to_string(kListLimitMax));
    }
  }
  if (const std::optional<std::string> order = Parameter(query, "order")) {
    if (*order != "asc" && *order != "desc") {
      return InvalidArgument("order", "must be 'asc' or 'desc'");
    }
    page.newest_first = *order == "desc";
  }
  page.after = Parameter(query, "after").value_or("");
  return page;
}

class StoredResponses final : public StoredAnswers {
 public:
  std::unique_ptr<AnswerTap> NewTap() const override { return NewResponseTap(); }

  Result<std::optional<FinishedAnswer>> ReadWhole(std::string_view body) const override {
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->ParseCopy(body, kWholeAnswerBytesMax));
    return KeepResponse(root);
  }

  Result<std::string> InputOf(std::string_view body, std::span<const StoredTurn> sources,
                              const RequestId& id) const override {
    NamedItems named;
    TIDEGATE_TRY(named.Take(sources));
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->ParseCopy(body, kRequestBytesMax));
    TIDEGATE_ASSIGN(const json::Object request, root.Object());
    const std::optional<json::Value> input = FindSet(request, "input");
    std::string out = "[";
    std::int64_t count = 0;
    const auto name = [&](std::string_view prefix) {
      return MakeId(prefix, id) + "_in_" + std::to_string(count++);
    };
    if (input && input->is_string()) {
      json::Writer writer(out);
      writer.BeginObject().Key("id").String(name("msg")).Key("type").String("message");
      writer.Key("status").String("completed").Key("role").String("user").Key("content");
      writer.BeginArray().BeginObject().Key("type").String("input_text");
      writer.Key("text").Raw(input->raw()).EndObject().EndArray().EndObject();
    } else if (input) {
      TIDEGATE_ASSIGN(const json::Array items, input->Array());
      for (const json::Value item : items) {
        TIDEGATE_ASSIGN(const json::Object object, item.Object());
        const ItemKind* const kind = KindOf(TypeOf(object));
        const std::string own = name(kind == nullptr ? "item" : kind->prefix);
        if (NamedItems::IsReference(item)) {
          const std::optional<std::string_view> kept = named.Kept(item);
          if (!kept) return NoSuchItem(NamedItems::NameIn(item));
          AppendItem(*kept, out);
        } else {
          AppendItem("", out);
          AppendKept(item, json->text(), own, out);
        }
      }
    }
    return out + ']';
  }

  Result<std::string> Expand(std::string_view body, std::span<const StoredTurn> turns,
                             std::span<const StoredTurn> sources,
                             std::size_t bytes_max) const override {
    std::string items = "[";
    json::Reader reader;
    for (const StoredTurn& turn : turns) {
      TIDEGATE_TRY(ReadTurn(turn, reader,
                            [&](const json::Array& list, std::string_view text) -> Result<void> {
                              for (const json::Value item : list) {
                                TIDEGATE_TRY(item.Object());
                                AppendItem(Anew(item, text), items);
                              }
                              return {};
                            }));
      if (items.size() > bytes_max) return TooLong(bytes_max);
    }
    NamedItems named;
    TIDEGATE_TRY(named.Take(sources));
    TIDEGATE_ASSIGN(const json::Value root, reader.ParseCopy(body, kRequestBytesMax));
    TIDEGATE_ASSIGN(const json::Object request, root.Object());
    const std::optional<json::Value> input = request.Find("input");
    if (input && input->is_string()) {
      AppendItem(R"({"role":"user","content":)" + std::string(input->raw()) + '}', items);
    } else if (input && !input->is_null()) {
      TIDEGATE_ASSIGN(const json::Array own, input->Array());
      for (const json::Value item : own) {
        const std::optional<std::string_view> sent = named.AsSent(item);
        if (!sent) return NoSuchItem(NamedItems::NameIn(item));
        AppendItem(*sent, items);
        if (items.size() > bytes_max) return TooLong(bytes_max);
      }
    }
    items += ']';
    constexpr std::array<std::string_view, 1> kReference = {"previous_response_id"};
    json::Splice splice(reader.text());
    const json::Span reference = json::RemovalSpans(request, kReference)[0];
    if (!reference.empty()) splice.Erase(reference);
    if (input) {
      splice.Replace(input->span(), items);
    } else {
      splice.ReplaceOwned({root.span().begin + 1, root.span().begin + 1},
                          "\"input\":" + items + ',');
    }
    if (splice.Size() > bytes_max) return TooLong(bytes_max);
    return splice.Join();
  }

  // What cannot be read has no names, and is found missing when it is asked for.
  std::vector<std::string> ItemIds(const StoredTurn& turn) const override {
    std::vector<std::string> ids;
    json::Reader reader;
    (void)ReadTurn(turn, reader, [&](const json::Array& items, std::string_view) -> Result<void> {
      for (const json::Value item : items) {
        if (!item.is_object() || ids.size() == kItemsMax) continue;
        const std::string_view id = StringOrEmpty(*item.Object(), "id");
        if (!id.empty() && id.size() <= kResponseIdBytesMax) ids.emplace_back(id);
      }
      return {};
    }).ok();
    return ids;
  }

  Result<std::string> EncodeStored(const StoredTurn& turn, std::string_view query) const override {
    if (Parameter(query, "stream").value_or("false") != "false") {
      return InvalidArgument("stream",
                             "a response that is kept is not streamed again: leave it "
                             "out");
    }
    return turn.body;
  }

  Result<std::string> EncodeInput(const StoredTurn& turn, std::string_view query) const override {
    TIDEGATE_ASSIGN(const Page page, ReadPage(query));
    const ScratchReader json;
    TIDEGATE_ASSIGN(const json::Value root, json->ParseCopy(turn.input, kRequestBytesMax));
    TIDEGATE_ASSIGN(const json::Array array, root.Array());
    std::vector<json::Value> items;
    for (const json::Value item : array) items.push_back(item);
    if (page.newest_first) std::reverse(items.begin(), items.end());
    const auto id_of = [](const json::Value& item) { return StringOrEmpty(*item.Object(), "id"); };
    auto begin = items.begin();
    if (!page.after.empty()) {
      begin = std::find_if(items.begin(), items.end(),
                           [&](const json::Value& item) { return id_of(item) == page.after; });
      if (begin == items.end()) return InvalidArgument("after", "names no input item of this one");
      ++begin;
    }
    const auto end = begin + std::min<std::ptrdiff_t>(page.limit, items.end() - begin);
    std::string out;
    json::Writer writer(out);
    writer.BeginObject().Key("object").String("list").Key("data").BeginArray();
    for (auto item = begin; item != end; ++item) writer.Raw(item->raw());
    writer.EndArray();
    writer.Key("first_id").String(begin == end ? std::string_view() : id_of(*begin));
    writer.Key("last_id").String(begin == end ? std::string_view() : id_of(*(end - 1)));
    writer.Key("has_more").Bool(end != items.end()).EndObject();
    return out;
  }

  std::string EncodeDeleted(std::string_view id) const override {
    std::string out;
    json::Writer writer(out);
    writer.BeginObject().Key("id").String(id).Key("object").String("response");
    writer.Key("deleted").Bool(true).EndObject();
    return out;
  }

  Error NotStored(std::string_view id) const override {
    return NotFound("Response with id '" + std::string(id) + "' not found.");
  }

  Error NotContinued(std::string_view id, std::string_view missing) const override {
    std::string message = "Previous response with id '" + std::string(id) + "' not found.";
    if (missing != id) {
      message += " It continues '" + std::string(missing) + "', which was deleted or has expired.";
    }
    Error error = InvalidArgument("previous_response_id", std::move(message));
    error.reason = "previous_response_not_found";
    return error;
  }

  Error NoSuchItem(std::string_view id) const override {
    Error error = NotFound("Item with id '" + std::string(id) + "' not found.");
    error.field = "input";
    return error;
  }

  Error NotCancelled() const override {
    return InvalidArgument("",
                           "Cannot cancel a response that does not run in the background, and "
                           "the gate runs none there: end the request itself.");
  }

 private:
  static Error TooLong(std::size_t bytes_max) {
    Error error{ErrorCode::kTooLarge, ErrorSource::kCaller, Retry::kNever,
                "the conversation that previous_response_id continues has grown beyond " +
                    std::to_string(bytes_max) + " bytes: begin a new one"};
    error.field = "previous_response_id";
    error.reason = "context_length_exceeded";
    return error;
  }
};

}  // namespace

const StoredAnswers& Stored() {
  static const StoredResponses stored;
  return stored;
}

}  // namespace tidegate::protocols::openai_responses
