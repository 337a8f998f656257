// What Go makes of the templates here for the chats here, given to them as Ollama's documentation
// and its behaviour say (docs/template.mdx); expected.json is what it writes.
//
// usage: go run render.go > expected.json   (in this folder)
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"text/template/parse"
)

type Arguments map[string]any

func (a Arguments) String() string { return text(a) }

type Call struct {
	Function struct {
		Name      string
		Arguments Arguments
	}
}

type Property struct {
	Type string `json:"type"`
}

type Tool struct {
	raw      string
	Type     string
	Function Function
}

type Function struct {
	raw        string
	Name       string
	Parameters struct {
		Type       string
		Required   []string
		Properties map[string]Property
	}
}

func (t Tool) String() string                   { return t.raw }
func (f Function) String() string               { return f.raw }
func (t Tool) MarshalJSON() ([]byte, error)     { return []byte(t.raw), nil }
func (f Function) MarshalJSON() ([]byte, error) { return []byte(f.raw), nil }

type Message struct {
	Role, Content, Thinking string
	ToolCalls               []Call
}

type Chat struct {
	Messages []struct {
		Role, Content string
		Tool_Calls    []struct {
			Function struct{ Name, Arguments string }
		}
	}
	Tools []json.RawMessage
}

// JSON as Jinja's is: < > and & as they are.
func text(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		log.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

func names(node parse.Node, field string) bool {
	found := false
	walk(node, func(n parse.Node) {
		if f, ok := n.(*parse.FieldNode); ok && f.Ident[0] == field {
			found = true
		}
		if v, ok := n.(*parse.VariableNode); ok && len(v.Ident) > 1 && v.Ident[1] == field {
			found = true
		}
	})
	return found
}

// Whether it stands there as a field of ".".
func writes(node parse.Node, field string) bool {
	found := false
	walk(node, func(n parse.Node) {
		if f, ok := n.(*parse.FieldNode); ok && f.Ident[0] == field {
			found = true
		}
	})
	return found
}

func walk(node parse.Node, visit func(parse.Node)) {
	branch := func(b *parse.BranchNode) {
		walk(b.Pipe, visit)
		walk(b.List, visit)
		if b.ElseList != nil {
			walk(b.ElseList, visit)
		}
	}
	visit(node)
	switch n := node.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			walk(child, visit)
		}
	case *parse.ActionNode:
		walk(n.Pipe, visit)
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			for _, argument := range command.Args {
				walk(argument, visit)
			}
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}

// Everything behind the first place where the answer is written goes; a condition writes nothing.
func endAtResponse(list *parse.ListNode, ended *bool) {
	if *ended {
		list.Nodes = nil
		return
	}
	for i, node := range list.Nodes {
		branch := func(b *parse.BranchNode) {
			endAtResponse(b.List, ended)
			if b.ElseList != nil {
				endAtResponse(b.ElseList, ended)
			}
		}
		switch n := node.(type) {
		case *parse.IfNode:
			branch(&n.BranchNode)
		case *parse.RangeNode:
			branch(&n.BranchNode)
		case *parse.WithNode:
			branch(&n.BranchNode)
		default:
			*ended = *ended || writes(node, "Response")
		}
		if *ended {
			list.Nodes = list.Nodes[:i+1]
			return
		}
	}
}

func render(source string, chat Chat) string {
	functions := template.FuncMap{"json": text}
	made := template.Must(template.New("").Funcs(functions).Parse(source))
	var system []string
	var messages []Message
	for _, m := range chat.Messages {
		message := Message{Role: m.Role, Content: m.Content}
		for _, c := range m.Tool_Calls {
			var call Call
			call.Function.Name = c.Function.Name
			if err := json.Unmarshal([]byte(c.Function.Arguments), &call.Function.Arguments); err != nil {
				log.Fatal(err)
			}
			message.ToolCalls = append(message.ToolCalls, call)
		}
		if m.Role == "system" {
			system = append(system, m.Content)
		}
		messages = append(messages, message)
	}
	var tools []Tool
	for _, raw := range chat.Tools {
		var tool Tool
		var function struct{ Function json.RawMessage }
		for _, into := range []any{&tool, &function} {
			if err := json.Unmarshal(raw, into); err != nil {
				log.Fatal(err)
			}
		}
		tool.raw, tool.Function.raw = compact(raw), compact(function.Function)
		tools = append(tools, tool)
	}
	var out bytes.Buffer
	run := func(t *template.Template, values map[string]any) {
		if err := t.Execute(&out, values); err != nil {
			log.Fatal(err)
		}
	}
	if names(made.Tree.Root, "Messages") {
		run(made, map[string]any{"System": strings.Join(system, "\n\n"), "Messages": messages,
			"Tools": tools, "Prompt": "", "Suffix": "", "Response": ""})
		return out.String()
	}
	if !names(made.Tree.Root, "Response") {
		made = template.Must(template.New("").Funcs(functions).Parse(source + "{{ .Response }}"))
	}
	turn := map[string]any{"System": "", "Prompt": "", "Response": "", "Tools": tools}
	flush := func() {
		run(made, turn)
		turn["System"], turn["Prompt"], turn["Response"] = "", "", ""
	}
	for _, m := range messages {
		said := func(what string) bool { return turn[what] != "" }
		switch m.Role {
		case "system":
			if said("Prompt") || said("Response") {
				flush()
			}
			turn["System"] = m.Content
		case "assistant":
			turn["Response"] = m.Content
		case "user":
			if said("Response") {
				flush()
			}
			turn["Prompt"] = m.Content
		}
	}
	ended := false
	endAtResponse(made.Tree.Root, &ended)
	run(made, turn)
	return out.String()
}

func compact(raw []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		log.Fatal(err)
	}
	return out.String()
}

func main() {
	var chats map[string]Chat
	bytes, err := os.ReadFile("chats.json")
	if err == nil {
		err = json.Unmarshal(bytes, &chats)
	}
	if err != nil {
		log.Fatal(err)
	}
	paths, _ := filepath.Glob("*.gotmpl")
	expected := map[string]map[string]string{}
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			log.Fatal(err)
		}
		name := strings.TrimSuffix(path, ".gotmpl")
		expected[name] = map[string]string{}
		for chat, value := range chats {
			if chat == "tools" && !strings.Contains(string(source), "Messages") {
				continue // turn by turn, nothing is said of tools
			}
			expected[name][chat] = render(string(source), value)
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(expected); err != nil {
		log.Fatal(err)
	}
}
