package faults_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// collections are the kinds of things that the API lists, by the last part of
// their paths, each with its name in an answer.
var collections = map[string]string{
	"api-keys": "api_keys", "applications": "applications", "policies": "policies", "groups": "groups", "rules": "rules",
	"secrets": "secrets", "versions": "versions", "namespaces": "namespaces", "functions": "functions",
	"containers": "containers", "domains": "domains", "tokens": "tokens",
}

// kindOf says which kind of thing a call of the API is about, or "".
func kindOf(r *http.Request) string {
	if r.URL.Host != "api.scaleway.com" {
		return ""
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[len(parts)-1] == "access" {
		return "access"
	}
	for _, part := range slices.Backward(parts[1:]) { // the first names the product
		if _, known := collections[part]; known {
			return part
		}
	}
	return ""
}

// lie changes what the API answers about a kind of thing.
type lie struct {
	name string
	kind string
	// item changes one thing, in a list or by itself; list changes a list, of
	// which q is the request's page. One of the two is set.
	item func(thing map[string]any)
	list func(body map[string]any, plural string, page int)
	date func(call int, truth time.Time) time.Time
	// world: the lie is the truth of another world, where the thing is not
	// there. Then tokens may go, since it cannot be seen what they open, and
	// nobody can tell; a key that anybody holds still may not.
	world bool
}

// liar stands between the client and the emulator, so that the emulator and its
// auditor know the truth.
type liar struct {
	next http.RoundTripper
	lie  lie

	mu    sync.Mutex
	calls int
	told  int                       // answers that were changed
	seen  map[string]map[string]any // by kind and field: a value that it had
}

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.lie.date != nil {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			resp.Header.Set("Date", l.lie.date(l.calls, date).Format(http.TimeFormat))
		}
	}
	kind := kindOf(r)
	body := map[string]any{}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if kind != "" && resp.StatusCode == http.StatusOK && json.Unmarshal(text, &body) == nil {
		l.note(kind, body)
		if kind == l.lie.kind {
			l.tell(r, body)
			if text, err = json.Marshal(body); err != nil {
				return nil, err
			}
		}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// things are those that an answer holds, and whether it is a list.
func things(kind string, body map[string]any) (out []map[string]any, list bool) {
	items, list := body[collections[kind]].([]any)
	if !list {
		return []map[string]any{body}, false
	}
	for _, item := range items {
		if thing, ok := item.(map[string]any); ok {
			out = append(out, thing)
		}
	}
	return out, true
}

func (l *liar) note(kind string, body map[string]any) {
	if l.seen == nil {
		l.seen = map[string]map[string]any{}
	}
	all, _ := things(kind, body)
	for _, thing := range all {
		if l.seen[kind] == nil {
			l.seen[kind] = map[string]any{}
		}
		for field, value := range thing {
			if value != nil || l.seen[kind][field] == nil {
				l.seen[kind][field] = value
			}
		}
	}
}

func (l *liar) tell(r *http.Request, body map[string]any) {
	all, list := things(l.lie.kind, body)
	switch {
	case l.lie.item != nil:
		for _, thing := range all {
			l.lie.item(thing)
		}
		l.told += len(all)
	case l.lie.list != nil && list:
		page := 1
		_, _ = fmt.Sscan(r.URL.Query().Get("page"), &page)
		l.lie.list(body, collections[l.lie.kind], page)
		l.told++
	}
}

// listLies are those about how much there is of something.
func listLies() []lie {
	var out []lie
	for _, kind := range slices.Sorted(maps.Keys(collections)) {
		add := func(name string, list func(body map[string]any, plural string, page int)) {
			out = append(out, lie{name: kind + ": " + name, kind: kind, list: list})
		}
		var first []any
		add("a million announced, always the same page", func(body map[string]any, plural string, page int) {
			if page == 1 {
				first = body[plural].([]any)
			}
			body[plural], body["total_count"] = first, 1_000_000
		})
		add("a million announced, nothing delivered", func(body map[string]any, plural string, _ int) {
			body[plural], body["total_count"] = []any{}, 1_000_000
		})
		other := func(name string, list func(body map[string]any, plural string, page int)) {
			out = append(out, lie{name: kind + ": " + name, kind: kind, list: list, world: true})
		}
		other("nothing announced, nothing delivered", func(body map[string]any, plural string, _ int) {
			body[plural], body["total_count"] = []any{}, 0
		})
		add("one too many announced", func(body map[string]any, _ string, _ int) {
			body["total_count"] = body["total_count"].(float64) + 1
		})
		add("one announced", func(body map[string]any, _ string, _ int) { body["total_count"] = 1 })
		add("a negative number announced", func(body map[string]any, _ string, _ int) { body["total_count"] = -1 })
		add("no number announced", func(body map[string]any, _ string, _ int) { delete(body, "total_count") })
		add("each thing twice", func(body map[string]any, plural string, _ int) {
			items := body[plural].([]any)
			body[plural], body["total_count"] = append(items, items...), 2*len(items)
		})
		add("each thing on every page", func(body map[string]any, plural string, page int) {
			if page == 1 {
				first = body[plural].([]any)
				return
			}
			body[plural] = first
		})
		add("one page a thing", func(body map[string]any, plural string, page int) {
			if page == 1 {
				first = body[plural].([]any)
			}
			body["total_count"] = len(first)
			body[plural] = []any{}
			if page <= len(first) {
				body[plural] = []any{first[page-1]}
			}
		})
		add("the last thing is gone on the second page", func(body map[string]any, plural string, page int) {
			if page == 1 {
				first = body[plural].([]any)
				body["total_count"] = len(first) + 1
				return
			}
			body[plural], body["total_count"] = []any{}, len(first)
		})
		for _, end := range []string{"first", "last"} {
			other("the "+end+" thing left out", func(body map[string]any, plural string, _ int) {
				items := body[plural].([]any)
				switch {
				case len(items) == 0:
				case end == "first":
					items = items[1:]
				default:
					items = items[:len(items)-1]
				}
				body[plural], body["total_count"] = items, len(items)
			})
		}
		add("null", func(body map[string]any, plural string, _ int) { body[plural] = nil })
		add("a null in it", func(body map[string]any, plural string, _ int) { body[plural] = append(body[plural].([]any), nil) })
		add("an object", func(body map[string]any, plural string, _ int) { body[plural] = map[string]any{} })
	}
	return out
}

// fieldLies are those about each field that the API was seen to answer with.
func fieldLies(seen map[string]map[string]any) []lie {
	var out []lie
	for _, kind := range slices.Sorted(maps.Keys(seen)) {
		for _, field := range slices.Sorted(maps.Keys(seen[kind])) {
			set := func(name string, value any) {
				out = append(out, lie{name: kind + "." + field + " " + name, kind: kind, item: func(thing map[string]any) { thing[field] = value }})
			}
			out = append(out, lie{name: kind + "." + field + " is missing", kind: kind, item: func(thing map[string]any) { delete(thing, field) }})
			set("is null", nil)
			switch value := seen[kind][field].(type) {
			case string:
				set("is an object", map[string]any{"is": value})
				set("is a number", 7)
				set("is empty", "")
				if strings.HasSuffix(field, "_at") {
					set("is of 1970", "1970-01-01T00:00:00Z")
					set("is of the year 1", "0001-01-01T00:00:00Z")
					set("is of the year 2099", "2099-01-01T00:00:00Z")
					set("is no date", "yesterday")
				}
				if slices.Contains([]string{"status", "privacy", "http_option", "permission_sets_scope_type", "type", "protocol", "sandbox", "runtime"}, field) {
					set("is unheard of", "unheard_of")
				}
			case float64:
				set("is a string", "7")
				set("is negative", -1)
				set("is huge", 1e30)
			case bool:
				set("is a string", "yes")
			default:
				set("is a string", "all")
				set("is a list of objects", []any{map[string]any{}})
			}
		}
		out = append(out, lie{name: kind + " has fields that nobody knows", kind: kind, item: func(thing map[string]any) {
			thing["quantum"], thing["secret_keys"] = map[string]any{"a": []any{1, nil}}, "x"
		}})
	}
	return out
}
