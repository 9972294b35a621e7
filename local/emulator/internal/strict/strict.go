package strict

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Read reads one JSON value into what v points to. It is for what people
// write by hand, so it says more than encoding/json: names are exact, a field
// that does not exist is an error, and all that is wrong is in one message,
// each with the path to it and what would be right. A null is a field left
// out.
func Read(text []byte, v any) error {
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		return unreadable(text, err, decoder.InputOffset())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: something follows the JSON value", position(text, decoder.InputOffset()))
	}
	if wrong := mismatches(tree, reflect.TypeOf(v).Elem(), ""); len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "\n"))
	}
	return json.Unmarshal(text, v)
}

func unreadable(text []byte, err error, offset int64) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("want a JSON object, not nothing")
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.Is(err, io.ErrUnexpectedEOF):
		offset = int64(len(text))
	}
	return fmt.Errorf("%s: not JSON: %w", position(text, offset), err)
}

// position is where the last of so many bytes stands, as editors show it.
func position(text []byte, bytesRead int64) string {
	before := text[:min(max(int(bytesRead)-1, 0), len(text))]
	line := bytes.Count(before, []byte("\n")) + 1
	return fmt.Sprintf("line %d, column %d", line, len(before)-bytes.LastIndexByte(before, '\n'))
}

// mismatches are the places at which a JSON value is not what t can hold.
func mismatches(value any, t reflect.Type, path string) []string {
	if value == nil {
		return nil
	}
	if reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](reflect.New(t)); ok {
		return inText(value, reader, path)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return mismatches(value, t.Elem(), path)
	case reflect.Struct:
		return inObject(value, t, path)
	case reflect.Map:
		object, ok := value.(map[string]any)
		if !ok {
			return wanted(path, "an object", value)
		}
		var wrong []string
		for _, name := range slices.Sorted(maps.Keys(object)) {
			wrong = append(wrong, mismatches(object[name], t.Elem(), member(path, name))...)
		}
		return wrong
	case reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return wanted(path, "a list in [ ]", value)
		}
		var wrong []string
		for i, item := range list {
			wrong = append(wrong, mismatches(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return wrong
	case reflect.String:
		return unless[string](value, path, "a text in quotes")
	case reflect.Bool:
		return unless[bool](value, path, "true or false")
	case reflect.Int:
		number, ok := value.(json.Number)
		if _, err := number.Int64(); !ok || err != nil {
			return wanted(path, "a whole number", value)
		}
	}
	return nil // an interface takes anything
}

func inObject(value any, t reflect.Type, path string) []string {
	given, ok := value.(map[string]any)
	if !ok {
		return wanted(path, "an object", value)
	}
	fields := fieldsOf(t)
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(fields, func(f reflect.StructField) bool { return jsonName(f) == name })
		if i < 0 {
			names := make([]string, len(fields))
			for i, f := range fields {
				names[i] = jsonName(f)
			}
			wrong = append(wrong, member(path, name)+": no such field; want "+Either(names))
			continue
		}
		wrong = append(wrong, mismatches(given[name], fields[i].Type, member(path, name))...)
	}
	return wrong
}

func inText(value any, reader encoding.TextUnmarshaler, path string) []string {
	text, ok := value.(string)
	if _, timely := reader.(*time.Time); timely && (!ok || reader.UnmarshalText([]byte(text)) != nil) {
		return wanted(path, "a time such as 2026-09-01T12:00:00Z", value)
	}
	if !ok {
		return wanted(path, "a duration in quotes, such as 400d or 36h", value)
	}
	if err := reader.UnmarshalText([]byte(text)); err != nil {
		return []string{about(path) + err.Error()}
	}
	return nil
}

// fieldsOf are the fields that JSON sees, those of embedded structs too.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Anonymous || !f.IsExported()
	})
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func unless[T any](value any, path, want string) []string {
	if _, ok := value.(T); ok {
		return nil
	}
	return wanted(path, want, value)
}

func wanted(path, want string, value any) []string {
	text, _ := json.Marshal(value) // it came from JSON
	shown := []rune(string(text))
	if len(shown) > 40 {
		shown = append(shown[:40], '…')
	}
	return []string{about(path) + "want " + want + ", not " + string(shown)}
}

// about begins a sentence about the value at path; the whole has none.
func about(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}

func member(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Either is "a, b or c".
func Either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Each loads the items of a list. Whatever is wrong with one begins with the
// name of its field, so that the path to it grows from the inside out.
func Each[T any](field string, items []T, load func(T) error) error {
	for i, item := range items {
		if err := load(item); err != nil {
			return fmt.Errorf("%s[%d].%w", field, i, err)
		}
	}
	return nil
}

// ErrNameRequired is what is wrong with a thing that has no name.
var ErrNameRequired = errors.New("name: is required")

// NoneOf is the error of a value that is none of those that would be right.
func NoneOf(field, value string, want []string) error {
	return fmt.Errorf("%s: want %s, not %q", field, Either(want), value)
}
