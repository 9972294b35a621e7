package run_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
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

// hostileScenarios are few and full: each has what some lie would have deleted.
func hostileScenarios() []scenario {
	token := []emulator.SeedToken{{Description: "old"}}
	tokens := func(seed emulator.Seed) emulator.Seed {
		place := &seed.Serverless[0]
		place.FunctionNamespaces[0].Tokens, place.FunctionNamespaces[0].Functions[0].Tokens = token, token
		place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
		place.FunctionNamespaces[0].Functions[0].Domains = []string{"shop.example.com"}
		place.ContainerNamespaces[0].Containers[0].Domains = []string{"stock.example.com"}
		return seed
	}
	orphan := minted(keyC, 0)
	orphan.Age, orphan.ExpiresIn = emulator.SeedAge(2*time.Hour), age(90)
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	return []scenario{
		{name: "nothing is due", settled: true, seed: func() emulator.Seed {
			return small(keys(minted(keyA, 20), minted(keyB, 2)), credentialOf(holds(keyA, 20), holds(keyB, 2)))
		}},
		{name: "everything is due", settled: true, seed: func() emulator.Seed {
			return tokens(small(keys(minted(keyA, 60), minted(keyB, 31), orphan), credentialOf(holds(keyA, 60), holds(keyB, 31))))
		}},
		{name: "tokens are held", seed: func() emulator.Seed {
			seed := tokens(small(keys(minted(keyB, 8)), credentialOf(holds(keyB, 8))))
			rules := seed.Applications[1].Policies[0].Rules
			seed.Applications[1].Policies[0].Rules = slices.DeleteFunc(slices.Clone(rules), func(r emulator.SeedRule) bool {
				return slices.Contains(r.PermissionSets, "ContainersPrivateAccess")
			})
			return seed
		}},
	}
}

// truth is what a run does where nobody lies.
type truth struct {
	changes map[string]bool
	calls   int
	seen    map[string]map[string]any
	wants   string // the report's findings and errors
}

func complaints(rep *report.Report) string {
	var out []string
	for _, f := range rep.Findings {
		out = append(out, string(f.Level)+" "+f.Subject+": "+f.Text)
	}
	for _, s := range rep.Steps {
		out = append(out, s.Errors...)
	}
	for _, a := range rep.Applications {
		out = append(out, a.Action+" "+a.Why)
		for _, k := range a.Keys {
			out = append(out, k.AccessKey+" "+k.Note)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (sc scenario) truth(t *testing.T) truth {
	t.Helper()
	r, _ := sc.rehearse(t)
	l := &liar{next: r.RoundTripper()}
	rep := r.runLied(t, l)
	if rep.Outcome == report.Success != sc.settled {
		t.Fatalf("without any lie:\n%s", text(t, rep))
	}
	out := truth{changes: map[string]bool{}, calls: l.calls, seen: l.seen, wants: complaints(rep)}
	for _, c := range rep.Changes {
		out.changes[c.Kind+" "+c.Object] = true
	}
	return out
}

func (r *rig) runLied(t *testing.T, l *liar) *report.Report {
	t.Helper()
	o := r.surroundings()
	o.API, o.Endpoints, o.Clock = l, l, clock.Real()
	got, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// endure plays one lie: the run that is lied to, then two that are not.
func (sc scenario) endure(t *testing.T, l lie, want truth) (requests int) {
	t.Helper()
	r, auditor := sc.rehearse(t)
	there := map[string]bool{}
	for _, k := range r.Keys("orders") {
		there[k.AccessKey] = true
	}
	start := time.Now()
	s := &liar{next: r.RoundTripper(), lie: l}
	listen := r.listen()
	rep := r.runLied(t, s)
	listen.report(t, rep)
	listen.check(t)
	if took := time.Since(start); took > r.cfg.Budget {
		t.Errorf("the run took %s of a budget of %s", took, r.cfg.Budget)
	}
	if s.calls > 3*want.calls+150 {
		t.Errorf("%d requests, where the truth takes %d", s.calls, want.calls)
	}
	done := map[string]bool{}
	for _, c := range rep.Changes {
		change := c.Kind + " " + c.Object
		if c.Result == report.Refused {
			continue
		}
		done[change] = true
		undone := c.Kind == "delete_key" && !there[c.Object] // a creation that came to nothing
		unseen := c.Kind == "delete_token" && l.world
		if !want.changes[change] && !undone && !unseen {
			t.Errorf("changed what the truth would not have changed: %s (%s)", change, c.Reason)
		}
	}
	if !maps.Equal(done, want.changes) && !l.world && rep.Outcome == report.Success && complaints(rep) == want.wants {
		t.Errorf("it left things undone, and says nothing about it")
	}
	for range 2 {
		time.Sleep(70 * time.Minute)
		last := r.runLied(t, &liar{next: r.RoundTripper()})
		if last.Outcome == report.Success != sc.settled && !l.world { // a token that went is held no more
			t.Errorf("afterwards, without the lie:\n%s", text(t, last))
		}
	}
	audited, violations := auditor.Result()
	if len(violations) > 0 {
		t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
	}
	if t.Failed() {
		t.Logf("the run that was lied to:\n%s", text(t, rep))
	}
	return audited
}

// TestAnAPIThatLies answers with absurd content, one lie a case, and lets the
// auditor of the emulator, which knows the truth, watch what a run makes of it.
func TestAnAPIThatLies(t *testing.T) {
	t.Parallel()
	var cases, requests atomic.Int64
	t.Cleanup(func() {
		t.Logf("lies: %d cases in %d scenarios, %d requests audited", cases.Load(), len(hostileScenarios()), requests.Load())
	})
	for _, sc := range hostileScenarios() {
		sc.options.Seed = 11 // the same identifiers in every case
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			var want truth
			synctest.Test(t, func(t *testing.T) { want = sc.truth(t) })
			chance := rand.New(rand.NewPCG(5, 5))
			lies := append(listLies(), fieldLies(want.seen)...)
			for i := chance.IntN(*oneIn); i < len(lies); i += *oneIn {
				l := lies[i]
				cases.Add(1)
				t.Run(l.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { requests.Add(int64(sc.endure(t, l, want))) })
				})
			}
		})
	}
}

// TestAClockThatIsWrong has our clock a day off, and one answer of the API with
// a date that is: ages are told by the API's clock, and not by one answer.
func TestAClockThatIsWrong(t *testing.T) {
	t.Parallel()
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for _, sc := range hostileScenarios() {
		sc.options.Seed = 11
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			var want truth
			synctest.Test(t, func(t *testing.T) { want = sc.truth(t) })
			for _, off := range []time.Duration{day, -day, 3 * time.Minute, -3 * time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					r, auditor := sc.rehearse(t)
					o := r.surroundings()
					real := clock.Real()
					o.Clock = clock.Clock{Now: func() time.Time { return real.Now().Add(off) }, Sleep: real.Sleep, After: real.After}
					rep, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
					if err != nil {
						t.Fatal(err)
					}
					done := map[string]bool{}
					for _, c := range rep.Changes {
						done[c.Kind+" "+c.Object] = true
					}
					if !maps.Equal(done, want.changes) {
						t.Errorf("with our clock %s off it did %v, want %v", off, done, want.changes)
					}
					if !strings.Contains(complaints(rep), "the function's clock is "+(-off).String()+" off the API's") {
						t.Errorf("with our clock %s off there is no finding:\n%s", off, complaints(rep))
					}
					if _, violations := auditor.Result(); len(violations) > 0 {
						t.Errorf("with our clock %s off:\n%s", off, strings.Join(violations, "\n"))
					}
				})
			}
			for at := 0; at <= want.calls; at += max(*oneIn/6, 1) {
				for _, off := range []time.Duration{year, -year} {
					l := lie{name: fmt.Sprintf("the date of answer %d is %s off", at, off), date: func(call int, truth time.Time) time.Time {
						if call == at {
							return truth.Add(off)
						}
						return truth
					}}
					synctest.Test(t, func(t *testing.T) { sc.endure(t, l, want) })
					if t.Failed() {
						t.Fatal(l.name)
					}
				}
			}
		})
	}
}

// TestNoKeyGoesWhereTheAPIPoints has the API name absurd addresses: nothing at
// all is sent there, a finding says so, and the tokens that may be the only way
// in are held.
func TestNoKeyGoesWhereTheAPIPoints(t *testing.T) {
	t.Parallel()
	sc := hostileScenarios()[1]
	for _, host := range []string{"169.254.169.254", "127.0.0.1:8080", "api.scaleway.com", "evil.example", "", "a b.example", "x_y.functions.fnc.fr-par.scw.cloud", "x@evil.example/y"} {
		for kind, field := range map[string]string{"functions": "domain_name", "containers": "public_endpoint", "domains": "hostname"} {
			if kind == "domains" && host == "evil.example" || kind == "containers" && host == "" {
				continue // a custom domain may be any; a container may have its own address switched off
			}
			synctest.Test(t, func(t *testing.T) {
				r, auditor := sc.rehearse(t)
				l := &liar{next: r.RoundTripper(), lie: lie{kind: kind, item: func(thing map[string]any) { thing[field] = host }}}
				rep := r.runLied(t, l)
				for _, q := range r.History() {
					if q.Host != "api.scaleway.com" && !strings.HasSuffix(q.Host, ".functions.fnc.fr-par.scw.cloud") && !strings.HasSuffix(q.Host, ".example.com") {
						t.Errorf("%s %s=%q: sent %s %s%s", kind, field, host, q.Method, q.Host, q.Path)
					}
				}
				if rep.Outcome != report.Failure || !strings.Contains(complaints(rep), "no request was sent there") || len(tokens(rep, "held")) == 0 {
					t.Errorf("%s %s=%q: no finding, or no token held:\n%s", kind, field, host, text(t, rep))
				}
				if _, violations := auditor.Result(); len(violations) > 0 {
					t.Errorf("%s %s=%q: %v", kind, field, host, violations)
				}
			})
		}
	}
}
