#!/usr/bin/python3
"""Writes the conversations the starter model is trained on.

No text is collected: every line comes out of the small grammars below, from a seed, so the corpus
can be made again byte for byte and owes nothing to anybody's writing. One line of the output is one
document: {"messages": [...], "tools": [...]} or, for plain continuation, {"text": "..."}.

A topic is a function from a random generator to a document. TOPICS names them all with their share.
"""

import argparse
import json
import random

import facts
from chatml import ToolCallText

SYSTEM_SHARE = 0.35
FOLLOW_UP_SHARE = 0.22
LONG_SHARE = 0.035


def Ask(*turns):
    """A document from alternating user and assistant turns."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(turns)]}


def Casual(r, question):
    """The same question as a person in a hurry may type it."""
    x = r.random()
    if x < 0.12:
        question = question[0].lower() + question[1:]
    elif x < 0.2:
        question = question.lower()
    if r.random() < 0.15:
        question = question.rstrip("?.!")
    x = r.random()
    if x < 0.05:
        question = "Please " + question[0].lower() + question[1:]
    elif x < 0.08:
        question += " Please."
    elif x < 0.11:
        question = r.choice(["Hi. ", "Hello! ", "Hey, ", "OK. "]) + question
    elif x < 0.13:
        question += r.choice(["\n", " ", "  "])
    return question


def Name(r):
    return r.choice(facts.NAMES)


def Invented(r, low=2, high=3):
    """A word that does not exist."""
    word = "".join(r.choice(facts.ONSETS) + r.choice(facts.VOWELS)
                   for _ in range(r.randint(low, high)))
    return word + r.choice(["", "", "n", "r", "s", "l"])


# ---- what a first run asks ------------------------------------------------------------------

def FirstRun(r):
    """The questions of the tour, with the answers it should show."""
    question, answer = r.choice(facts.FIRST_RUN)
    return Ask(question, answer)


# ---- who it is ------------------------------------------------------------------------------

def Identity(r):
    question = r.choice(facts.WHO_QUESTIONS)
    return Ask(Casual(r, question), r.choice(facts.WHO_ANSWERS))


def Abilities(r):
    return Ask(Casual(r, r.choice(facts.ABILITY_QUESTIONS)), r.choice(facts.ABILITY_ANSWERS))


def BetterModel(r):
    return Ask(Casual(r, r.choice(facts.INSTALL_QUESTIONS)), r.choice(facts.INSTALL_ANSWERS))


def OtherMaker(r):
    name = r.choice([Invented(r).capitalize(), "a person", "a human", "alive", "a robot",
                     "a real model", "a large model", "conscious", "a search engine"])
    if name == "a robot":
        return Ask("Are you a robot?", "I am a program: the small test model of Tidegate.")
    return Ask(Casual(r, f"Are you {name}?"), r.choice([
        "No. I am the small test model of Tidegate.",
        "No, I am only Tidegate's starter model."]))


def AboutTidegate(r):
    question, answers = r.choice(facts.ABOUT_TIDEGATE)
    return Ask(Casual(r, r.choice(question)), r.choice(answers))


# ---- small talk -----------------------------------------------------------------------------

def Greeting(r):
    x = r.random()
    if x < 0.3:
        return Ask(r.choice(facts.SAY_HELLO), r.choice(facts.HELLO_ANSWERS[:2]))
    if x < 0.45:
        name = Name(r)
        question = r.choice(["Say hello to {}.", "Greet {}.", "Say hi to {}", "Please greet {}."])
        return Ask(question.format(name), r.choice(["Hello, {}!", "Hello, {}! Nice to meet you."])
                   .format(name))
    if x < 0.6:
        name = Name(r)
        return Ask(r.choice(["Hi, I am {}.", "Hello, my name is {}.", "I'm {}.", "My name is {}."])
                   .format(name), r.choice(["Hello, {}! How can I help you?",
                                            "Nice to meet you, {}!"]).format(name))
    return Ask(r.choice(facts.HELLOS), r.choice(facts.HELLO_ANSWERS))


def SmallTalk(r):
    questions, answers = r.choice(facts.SMALL_TALK)
    return Ask(Casual(r, r.choice(questions)), r.choice(answers))


def SingleWord(r):
    word = r.choice(["ok", "OK", "yes", "no", "ready", "pong", "done", "hello", "test", "tide",
                     "gate", "blue", "Paris", "true", "42", Invented(r)])
    question = r.choice([
        "Reply with the single word {}.", "Answer with one word: {}", "Reply with only {}.",
        "Say {}.", "Just say {}", "Say only the word {}.", "Answer {} and nothing else.",
        "Reply with exactly: {}", "Respond with {}", "Reply {}"])
    if r.random() < 0.2:
        return Ask(r.choice(["ping", "Ping", "ping?", "Ping!"]), "pong")
    return Ask(question.format(word), word)


# ---- facts ----------------------------------------------------------------------------------

def Capital(r):
    country, capital = r.choice(facts.CAPITALS)
    x = r.random()
    if x < 0.12:
        place = Invented(r).capitalize()
        return Ask(Casual(r, f"What is the capital of {place}?"), r.choice([
            f"I do not know the capital of {place}. I am only a test model.",
            "I do not know that. I am only a small test model."]))
    if x < 0.25:
        return Ask(Casual(r, r.choice(["{} is the capital of which country?",
                                       "Which country has the capital {}?"]).format(capital)),
                   f"{capital} is the capital of {country}.")
    if x < 0.35:
        return Ask(f"What is the capital of {country}? Answer with one word.", capital)
    question = r.choice(["What is the capital of {}?"] * 4 + [
        "What's the capital of {}?", "Name the capital of {}.", "Tell me the capital of {}.",
        "Which city is the capital of {}?", "Capital of {}?",
        "What is the capital city of {}?"]).format(country)
    return Ask(Casual(r, question), f"The capital of {country} is {capital}.")


def Fact(r):
    questions, answer = r.choice(facts.FACTS)
    return Ask(Casual(r, r.choice(questions)), answer)


def Opposite(r):
    a, b = r.choice(facts.OPPOSITES)
    if r.random() < 0.5:
        a, b = b, a
    question = r.choice(["What is the opposite of {}?", "Opposite of {}?",
                         "Give me the opposite of {}.", "What is the antonym of {}?"])
    return Ask(Casual(r, question.format(a)), f"The opposite of {a} is {b}.")


def Translate(r):
    word, *others = r.choice(facts.WORDS)
    i = r.randrange(len(facts.LANGUAGES))
    question = r.choice(["How do you say {w} in {l}?", "Translate {w} to {l}.",
                         "Translate '{w}' into {l}.", "What is {w} in {l}?"])
    return Ask(Casual(r, question.format(w=word, l=facts.LANGUAGES[i])),
               f"In {facts.LANGUAGES[i]}, {word} is {others[i]}.")


# ---- numbers --------------------------------------------------------------------------------

def Arithmetic(r):
    x = r.random()
    if x < 0.6:
        a, b = (r.randint(0, 10), r.randint(0, 10)) if r.random() < 0.7 else (
            r.randint(0, 50), r.randint(0, 50))
        op, result = "+", a + b
    elif x < 0.8:
        a, b = r.randint(0, 20), r.randint(0, 20)
        a, b = max(a, b), min(a, b)
        op, result = "-", a - b
    else:
        a, b = r.randint(0, 10), r.randint(0, 10)
        op, result = r.choice("*x"), a * b
    spelled = {"+": "plus", "-": "minus", "*": "times", "x": "times"}[op]
    form = r.choice(["What is {a}{o}{b}?", "What is {a} {o} {b}?", "What is {a} {s} {b}?",
                     "What's {a} {o} {b}?", "{a} {o} {b} =", "{a}{o}{b}", "{a} {o} {b}",
                     "How much is {a} {s} {b}?", "Calculate {a} {o} {b}.", "Compute {a}{o}{b}",
                     "What is {a}{o}{b}?", "What is {a} {o} {b}?"])
    question = form.format(a=a, b=b, o=op, s=spelled)
    if r.random() < 0.2:
        return Ask(question + " " + r.choice(["Answer with a number.", "Only the number.",
                                              "Reply with just the number."]), str(result))
    answer = f"{a} {spelled} {b} is {result}." if form.find("{s}") >= 0 else (
        f"{a} {op} {b} = {result}")
    return Ask(Casual(r, question), answer)


def Compare(r):
    a, b = r.sample(range(0, 100), 2)
    x = r.random()
    if x < 0.5:
        word = r.choice(["greater", "larger", "bigger", "smaller", "less"])
        holds = (a > b) == (word in ("greater", "larger", "bigger"))
        return Ask(Casual(r, f"Is {a} {word} than {b}?"),
                   f"{'Yes' if holds else 'No'}, {a} is {'' if holds else 'not '}{word} than {b}.")
    if x < 0.75:
        return Ask(f"Which is larger, {a} or {b}?", f"{max(a, b)} is larger than {min(a, b)}.")
    n = r.randint(0, 99)
    return Ask(Casual(r, f"Is {n} even or odd?"), f"{n} is {'odd' if n % 2 else 'even'}.")


def Count(r):
    last = r.choice([3, 5, 5, 10, 10, 12, 15, 20, 20])
    if r.random() < 0.15:
        return Ask(f"Count down from {last}.", ", ".join(str(i) for i in range(last, -1, -1)) + ".")
    glue = r.choice([", ", "\n"])
    question = {", ": ["Count to {}.", "Count from 1 to {}.", "List the numbers from 1 to {}."],
                "\n": ["Count to {}, one number per line.",
                       "Count from 1 to {}, one per line."]}[glue]
    end = "." if glue == ", " else ""
    return Ask(Casual(r, r.choice(question).format(last)),
               glue.join(str(i) for i in range(1, last + 1)) + end)


# ---- copying --------------------------------------------------------------------------------

def Email(r):
    return f"{Name(r).lower()}{r.choice(['', '.' + Invented(r), str(r.randint(1, 99))])}@" \
           f"{Invented(r)}.example"


def Phone(r):
    return f"+{r.randint(1, 99)} {r.randint(100, 999)} {r.randint(1000, 9999)}"


def Placeholder(r):
    kind = r.choice(["EMAIL", "PERSON", "PHONE", "NAME", "IBAN", "CARD", "KEY", "ADDRESS", "ID"])
    number = r.randint(1, 9)
    return r.choice(["[{k}_{n}]", "<{k}_{n}>", "{{{k}_{n}}}", "{k}_{n}"]).format(k=kind, n=number)


def Thing(r):
    return r.choice([Email, Phone, Placeholder, Placeholder])(r)


def Copy(r):
    x = r.random()
    if x < 0.3:
        text = " ".join(Invented(r) for _ in range(r.randint(1, 5)))
    elif x < 0.6:
        text = Sentence(r)
    elif x < 0.75:
        text = f"{r.choice(['Write to', 'Call', 'My contact is', 'Send it to'])} {Thing(r)}."
    elif x < 0.85:
        text = str(r.randint(10, 999999))
    else:
        text = " ".join(r.sample(facts.NOUNS, r.randint(2, 6)))
    question = r.choice(["Repeat: {}", "Repeat after me: {}", "Say exactly: {}", "Echo: {}",
                         "Repeat this text exactly:\n{}", "Copy this: {}", "Repeat \"{}\""])
    return Ask(question.format(text), text)


def MailTo(r):
    who, sender = r.choice([Thing(r), Name(r)]), Name(r)
    topic, line = r.choice(facts.MAIL_LINES)
    question = r.choice(["Write a short mail to {w} about {t}.", "Draft an email to {w} about {t}.",
                         "Write a note to {w} about {t}."]).format(w=who, t=topic)
    if r.random() < 0.5:
        return Ask(f"{question} Sign it {sender}.",
                   f"Hello {who},\n\n{line}\n\nKind regards,\n{sender}")
    return Ask(question, f"Hello {who},\n\n{line}\n\nKind regards")


def Extract(r):
    kind = r.choice(["email address", "phone number", "name", "number", "city"])
    name, city, mail, phone, n = Name(r), r.choice(facts.CAPITALS)[1], Email(r), Phone(r), \
        r.randint(2, 900)
    text = r.choice([
        "{name} lives in {city} and can be reached at {mail} or {phone}. The order has {n} items.",
        "Please ship {n} boxes to {name} in {city}. Contact: {mail}, {phone}.",
        "{name} from {city} called {n} times. Write to {mail} or call {phone}."]).format(
            name=name, city=city, mail=mail, phone=phone, n=n)
    answer = {"email address": mail, "phone number": phone, "name": name, "number": n,
              "city": city}[kind]
    return Ask(r.choice([f"Find the {kind} in this text: {text}", f"Extract the {kind}: {text}",
                         f"{text}\n\nWhat is the {kind}?"]), str(answer))


# ---- structured text ------------------------------------------------------------------------

def JsonObject(r):
    fields = {
        "name": Name(r), "age": r.randint(1, 99), "city": r.choice(facts.CAPITALS)[1],
        "color": r.choice(facts.COLORS), "count": r.randint(0, 50), "active": r.random() < 0.5,
        "fruit": r.choice(facts.FRUITS), "email": Email(r), "title": Invented(r).capitalize(),
        "tags": r.sample(facts.NOUNS, 2)}
    keys = r.sample(sorted(fields), r.randint(1, 3))
    chosen = {k: fields[k] for k in keys}
    if r.random() < 0.55:
        told = " and ".join(f"{k} {json.dumps(v).strip(chr(34))}" for k, v in chosen.items())
        question = r.choice(["Give me a JSON object with {}.", "Write JSON with {}.",
                             "Make a JSON object: {}.", "Return JSON with {}."]).format(told)
    else:
        question = r.choice(["Give me a JSON object with the fields {}.",
                             "Return a JSON object with the keys {}.",
                             "Write an example JSON object with {}."]).format(" and ".join(keys))
    text = json.dumps(chosen, indent=2 if r.random() < 0.15 else None)
    if r.random() < 0.15:
        return Ask(question + " Use a code block.", f"```json\n{text}\n```")
    return Ask(Casual(r, question), text)


def JsonAnswer(r):
    country, capital = r.choice(facts.CAPITALS)
    x = r.random()
    if x < 0.4:
        return Ask(f"What is the capital of {country}? Answer in JSON.",
                   json.dumps({"country": country, "capital": capital}))
    if x < 0.7:
        a, b = r.randint(0, 10), r.randint(0, 10)
        return Ask(f"What is {a} + {b}? Answer as JSON.", json.dumps({"result": a + b}))
    name, age = Name(r), r.randint(1, 99)
    return Ask(f"{name} is {age} years old. Extract name and age as JSON.",
               json.dumps({"name": name, "age": age}))


def Code(r):
    language = r.choice(["Python", "C", "JavaScript", "Bash"])
    code = facts.CODE[language]
    task = r.choice(sorted(code))
    question = r.choice(["Write a {l} function that {t}.", "Write {l} code that {t}.",
                         "Give me {l} code that {t}.", "Show me {l} code that {t}."])
    if task.startswith("prints hello") and r.random() < 0.5:
        question = r.choice(["Write a hello world program in {l}.", "Hello world in {l}",
                             "Write hello world in {l}."])
    text = code[task]
    if r.random() < 0.3:
        old, new = "value", r.choice(["item", "number", "value", "entry"])
        text = text.replace(old, new)
    return Ask(Casual(r, question.format(l=language, t=task)),
               f"```{language.lower()}\n{text}\n```")


def Lists(r):
    questions, items = r.choice(facts.LISTS)
    style = r.random()
    question = r.choice(questions)
    if style < 0.25:
        return Ask(question + " Use a numbered list.",
                   "\n".join(f"{i}. {x}" for i, x in enumerate(items, 1)))
    if style < 0.4:
        return Ask(question + " Use bullet points.", "\n".join(f"- {x}" for x in items))
    return Ask(Casual(r, question), ", ".join(items[:-1]) + " and " + items[-1] + ".")


def Pick(r):
    kind, pool = r.choice([("fruits", facts.FRUITS), ("colors", facts.COLORS),
                           ("animals", facts.ANIMALS), ("names", facts.NAMES),
                           ("cities", [c for _, c in facts.CAPITALS])])
    n = r.randint(2, 5)
    word = ["two", "three", "four", "five"][n - 2]
    chosen = r.sample(pool, n)
    question = r.choice(["Name {} {}.", "List {} {}.", "Give me {} {}.", "Tell me {} {}."])
    return Ask(Casual(r, question.format(r.choice([word, str(n)]), kind)),
               ", ".join(chosen[:-1]) + " and " + chosen[-1] + ".")


def Sentiment(r):
    good = r.random() < 0.5
    text = f"{r.choice(facts.REVIEW_STARTS)} {r.choice(facts.GOOD if good else facts.BAD)}."
    question = r.choice(["Is this positive or negative? {}", "Sentiment: {}",
                         "Classify the sentiment as positive or negative: {}"])
    return Ask(question.format(text), "positive" if good else "negative")


# ---- longer answers -------------------------------------------------------------------------

def Sentence(r):
    who = r.choice([Name(r), f"The {r.choice(facts.ANIMALS)}", f"A {r.choice(facts.ROLES)}"])
    return f"{who} {r.choice(facts.DEEDS)} {r.choice(facts.PLACES)}."


def StoryText(r, hero=None):
    name = hero or Name(r)
    role, place, thing = r.choice(facts.ROLES), r.choice(facts.PLACES), r.choice(facts.NOUNS)
    friend = r.choice([n for n in facts.NAMES if n != name])
    fill = dict(name=name, role=role, place=place, thing=thing, friend=friend,
                animal=r.choice(facts.ANIMALS), color=r.choice(facts.COLORS),
                weather=r.choice(facts.WEATHER))
    return " ".join(r.choice(part).format(**fill) for part in facts.STORY)


def Story(r):
    x = r.random()
    if x < 0.5:
        return Ask(Casual(r, r.choice(facts.STORY_QUESTIONS)), StoryText(r))
    name = Name(r)
    return Ask(f"Tell me a story about {name}.", StoryText(r, name))


def Poem(r):
    theme, lines = r.choice(sorted(facts.POEMS.items()))
    chosen = r.sample(lines, 3)
    question = r.choice(["Write a short poem about the {}.", "Write a poem about the {}.",
                         "Write a haiku about the {}.", "Give me three lines about the {}."])
    return Ask(Casual(r, question.format(theme)), "\n".join(chosen))


def Explain(r):
    subject, lines = r.choice(sorted(facts.EXPLAINED.items()))
    question = r.choice(["What is {}?", "Explain {}.", "Tell me about {}.", "Describe {}."])
    x = r.random()
    if x < 0.25:
        return Ask(f"Explain {subject} in one sentence.", lines[0])
    return Ask(Casual(r, question.format(subject)), " ".join(lines[:r.choice([1, 2, 3])]))


def Passage(r, sentences):
    """(subject, text): sentences around one subject."""
    subject, lines = r.choice(sorted(facts.EXPLAINED.items()))
    parts = list(lines)
    while len(parts) < sentences:
        parts.append(Sentence(r))
    r.shuffle(parts)
    return subject, " ".join(parts[:max(sentences, len(lines))])


def Summary(r, sentences=None):
    subject, text = Passage(r, sentences or r.randint(2, 7))
    question = r.choice(["Summarize this text: {}", "Summarise: {}", "{}\n\nSummarize this.",
                         "Summarize in one sentence:\n{}", "What is this text about?\n{}"])
    return Ask(question.format(text), f"The text is about {subject}.")


# ---- what it cannot do ----------------------------------------------------------------------

def Unknown(r):
    x = r.random()
    topic = r.choice(facts.TOPICS_UNKNOWN)
    if x < 0.12:
        question = " ".join(Invented(r) for _ in range(r.randint(1, 6)))
    elif x < 0.2:
        question = f"Who is {Name(r)} {Invented(r).capitalize()}?"
    elif x < 0.27:
        question = r.choice(["What is {}?", "Where is {}?", "Explain {}.", "Define {}.",
                             "Tell me about {}."]).format(Invented(r))
    elif x < 0.35:
        question = f"{Sentence(r)} {Sentence(r)} " + r.choice(
            ["What do you think?", "Why?", "What happens next?", "Is that legal?"])
    elif x < 0.42:
        question = f"What is {r.randint(100, 99999)} * {r.randint(100, 9999)}?"
    else:
        question = r.choice(facts.UNKNOWN_QUESTIONS).format(t=topic)
    answer = r.choice(facts.UNKNOWN_ANSWERS)
    return Ask(Casual(r, question), answer)


# ---- tools ----------------------------------------------------------------------------------

def Schema(r, tool):
    """One tool as a client may declare it."""
    name, described, argument, kind, hint, _, _, _ = tool
    prop = {"type": kind}
    if r.random() < 0.5:
        prop["description"] = hint
    declared = {"name": name, "description": described, "parameters": {
        "type": "object", "properties": {argument: prop}, "required": [argument]}}
    if r.random() < 0.2:
        del declared["description"]
    if r.random() < 0.3:
        del declared["parameters"]["required"]
    if r.random() < 0.2:
        declared["parameters"]["additionalProperties"] = False
    return declared


def Tools(r):
    chosen = r.sample(facts.TOOLS, r.choice([1, 1, 1, 2, 2, 3]))
    tool = r.choice(chosen)
    name, _, argument, _, _, questions, values, result = tool
    if r.random() < 0.25:  # a name it has never seen
        renamed = r.choice(["get", "do", "run", "fetch", "find"]) + "_" + Invented(r)
        chosen = [(renamed,) + t[1:] if t is tool else t for t in chosen]
        name = renamed
    tools = [Schema(r, t) for t in chosen]
    if r.random() < 0.15:
        doc = r.choice([Greeting, Identity, Capital])(r)
        doc["tools"] = tools
        return doc
    value = values(r)
    doc = Ask(Casual(r, r.choice(questions).format(value)), ToolCallText(name, {argument: value}))
    doc["tools"] = tools
    if r.random() < 0.6:
        output, answer = result(r, value)
        doc["messages"] += [{"role": "tool", "content": output},
                            {"role": "assistant", "content": answer}]
    return doc


# ---- several turns --------------------------------------------------------------------------

def Memory(r, filler=0):
    """Something said early and asked for later, with other turns between."""
    kind = r.randrange(4)
    name, color, number, city = Name(r), r.choice(facts.COLORS), r.randint(2, 99), \
        r.choice(facts.CAPITALS)[1]
    told, question, answer = [
        (f"My name is {name}.", "What is my name?", f"Your name is {name}."),
        (f"My favorite color is {color}.", "What is my favorite color?",
         f"Your favorite color is {color}."),
        (f"Remember the number {number}.", "Which number did I give you?",
         f"You gave me the number {number}."),
        (f"I live in {city}.", "Where do I live?", f"You live in {city}.")][kind]
    messages = Ask(told, r.choice(["OK.", "Noted.", "I will remember that."]))["messages"]
    for _ in range(filler or r.choice([0, 0, 1, 2])):
        messages += r.choice([Capital, Arithmetic, Fact, Opposite, SmallTalk])(r)["messages"]
    return {"messages": messages + Ask(question, answer)["messages"]}


def LongChat(r):
    x = r.random()
    if x < 0.35:
        return Memory(r, r.randint(6, 14))
    if x < 0.65:
        return Summary(r, r.randint(20, 45))
    if x < 0.75:
        text = " ".join(Sentence(r) for _ in range(r.randint(15, 40)))
        return Ask(text, r.choice(facts.UNKNOWN_ANSWERS))
    messages = []
    for _ in range(r.randint(6, 14)):
        messages += r.choice([Identity, Greeting, Capital, Arithmetic, Fact, Lists, Story, Code,
                              JsonObject, Unknown, AboutTidegate, Explain])(r)["messages"]
    return {"messages": messages}


def Plain(r):
    """Text to continue, for completion without a chat."""
    x = r.random()
    if x < 0.5:
        return {"text": StoryText(r)}
    if x < 0.75:
        subject, lines = r.choice(sorted(facts.EXPLAINED.items()))
        return {"text": " ".join(lines)}
    country, capital = r.choice(facts.CAPITALS)
    return {"text": f"The capital of {country} is {capital}."}


# (share, topic)
TOPICS = [
    (6, FirstRun), (9, Identity), (3, Abilities), (3, BetterModel), (2, OtherMaker),
    (5, AboutTidegate), (9, Greeting), (5, SmallTalk), (4, SingleWord), (8, Capital), (7, Fact),
    (3, Opposite), (2, Translate), (9, Arithmetic), (3, Compare), (2, Count), (7, Copy),
    (2, MailTo), (3, Extract), (4, JsonObject), (2, JsonAnswer), (4, Code), (3, Lists), (2, Pick),
    (2, Sentiment), (4, Story), (2, Poem), (4, Explain), (2, Summary), (9, Unknown), (5, Tools),
    (4, Memory), (2, Plain)]
FOLLOW_UPS = [Identity, AboutTidegate, Greeting, SmallTalk, Capital, Fact, Arithmetic, Copy,
              Unknown, Story, JsonObject, BetterModel]


def Document(r, sums=0):
    """One document; `sums` is the share of extra arithmetic, for the last part of the training."""
    if sums and r.random() < sums:
        return Arithmetic(r)
    if r.random() < LONG_SHARE:
        doc = LongChat(r)
    else:
        doc = r.choices([t for _, t in TOPICS], [s for s, _ in TOPICS])[0](r)
    if "text" in doc:
        return doc
    if "tools" not in doc and r.random() < FOLLOW_UP_SHARE:
        doc["messages"] += r.choice(FOLLOW_UPS)(r)["messages"]
    if r.random() < SYSTEM_SHARE:
        x = r.random()
        system = r.choice(facts.SYSTEMS)
        if x < 0.25:
            system = f"You are {r.choice(['a', 'an expert', 'a friendly'])} " \
                     f"{r.choice(facts.ROLES)}. {r.choice(facts.STYLES)}"
        elif x < 0.4:
            system += " " + r.choice(facts.STYLES)
        doc["messages"].insert(0, {"role": "system", "content": system})
    return doc


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", required=True)
    ap.add_argument("--documents", type=int, default=60000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--sums", type=float, default=0, help="share of extra arithmetic")
    args = ap.parse_args()
    r = random.Random(args.seed)
    with open(args.out, "w", encoding="utf-8") as f:
        for _ in range(args.documents):
            f.write(json.dumps(Document(r, args.sums), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
