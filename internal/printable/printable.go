// Package printable makes text from outside fit to be shown: names, descriptions
// and what an API says may hold characters that a terminal obeys, that end a line,
// or that turn the order of what follows. It promises that none of them is left,
// and that text without them stays as it is. Of secrets it knows no more than what a
// secret key looks like.
package printable

import (
	"log/slog"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is text on one line: white space of any kind is a blank, and what is not
// printable (control, C1, bidirectional and other format characters, bytes that
// are no UTF-8) is U+FFFD, so that one sees that something stood there.
func Line(text string) string {
	if isPlain(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// isPlain knows the text of nearly every run: printable ASCII.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// Fields makes every string printable that v points to, however deep.
func Fields(v any) { fields(reflect.ValueOf(v)) }

func fields(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fields(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fields(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fields(v.Index(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(Line(v.String()))
		}
	}
}

// Attr is a slog.HandlerOptions.ReplaceAttr: what a line of the log says is
// printable. A stack keeps its lines, and is the program's own.
func Attr(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Any().(type) {
	case string:
		if a.Key != "stack" {
			a.Value = slog.StringValue(Line(v))
		}
	case error:
		a.Value = slog.StringValue(Line(v.Error()))
	case []string:
		lines := make([]string, 0, len(v))
		for _, text := range v {
			lines = append(lines, Line(text))
		}
		a.Value = slog.AnyValue(lines)
	}
	return a
}

// Text is Line for each line of a text of our own, such as an error that lists
// what is wrong.
func Text(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = Line(lines[i])
	}
	return strings.Join(lines, "\n")
}
