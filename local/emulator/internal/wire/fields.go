package wire

import (
	"cmp"
	"regexp"
	"strings"
)

// Unset tells whether an enum was left to the API: the SDK always sends one.
func Unset(value string) bool { return value == "" || strings.HasPrefix(value, "unknown_") }

// Chosen is value, or fallback where value was left to the API.
func Chosen(value, fallback string) string {
	if Unset(value) {
		return fallback
	}
	return value
}

// OrEmptyMap keeps null out of an answer.
func OrEmptyMap(env map[string]string) map[string]string {
	if env == nil {
		return map[string]string{}
	}
	return env
}

// Set takes over a field that a PATCH names.
func Set[T any](field *T, given *T) {
	if given != nil {
		*field = *given
	}
}

// OrEmpty makes the [] that the API answers for tags: null.
func OrEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Views turns rows into what a list answers.
func Views[T any](rows []*T, view func(*T) any) []any {
	out := make([]any, len(rows))
	for i, row := range rows {
		out[i] = view(row)
	}
	return out
}

// ByTime makes a comparison by a time, for lists that are ordered.
func ByTime[T any](of func(T) Stamp) func(a, b T) int {
	return func(a, b T) int { return of(a).Time.Compare(of(b).Time) }
}

// ByText makes a comparison by a text.
func ByText[T any](of func(T) string) func(a, b T) int {
	return func(a, b T) int { return cmp.Compare(of(a), of(b)) }
}

var uuids = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsUUID tells whether text is a UUID as the API writes them: so do identifiers
// and secret keys look.
func IsUUID(text string) bool { return uuids.MatchString(text) }
