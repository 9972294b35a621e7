package tell_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/tell"
)

// canary is the secret part of a URL.
const canary = "T0k3n-made-up"

// site is a server that is told, and what came.
type site struct {
	*httptest.Server

	mu   sync.Mutex
	came []string // method, path with query, body
}

func serve(t *testing.T, answer http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.came = append(s.came, r.Method+" "+r.URL.RequestURI()+" "+string(body))
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came
}

func targets(t *testing.T, setting string) []tell.Target {
	t.Helper()
	out, err := tell.Targets(setting)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func teller() *tell.Teller { return tell.New(tell.Options{Clock: clock.Real()}) }

// hostile is a message whose names would be markup, mentions and links.
func hostile() tell.Message {
	return tell.Message{
		Title: "✗ FAILURE: run r", Lines: []string{"error: application <!channel> @everyone *bold* [x](https://evil.example): gone"},
		Foot: "All of it: make invoke", Failed: true, Data: map[string]any{"outcome": "failure"},
	}
}

func TestEachKindGetsAMessageInItsOwnForm(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]func(m map[string]any) bool{
		"": func(m map[string]any) bool {
			return m["title"] == "✗ FAILURE: run r" && m["failed"] == true && m["run"].(map[string]any)["outcome"] == "failure"
		},
		"slack:": func(m map[string]any) bool {
			text := m["text"].(string)
			return strings.Contains(text, "&lt;!channel&gt;") && !strings.Contains(text, "<")
		},
		"mattermost:": func(m map[string]any) bool {
			text := m["text"].(string)
			return !strings.Contains(text, "@everyone") && !strings.Contains(text, "*bold*") || strings.Contains(text, `\*bold\*`) && !strings.Contains(text, "](")
		},
		"discord:": func(m map[string]any) bool {
			mentions := m["allowed_mentions"].(map[string]any)["parse"].([]any)
			return len(mentions) == 0 && !strings.Contains(m["content"].(string), "@")
		},
		"teams:": func(m map[string]any) bool {
			card := m["attachments"].([]any)[0].(map[string]any)["content"].(map[string]any)
			return card["type"] == "AdaptiveCard" && strings.Contains(fmt.Sprint(card["body"]), "FAILURE")
		},
		"telegram:": func(m map[string]any) bool { _, mode := m["parse_mode"]; return m["text"] != "" && !mode },
		"gotify:":   func(m map[string]any) bool { return m["priority"] == 8.0 && m["title"] == "✗ FAILURE: run r" },
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		got := teller().Tell(t.Context(), targets(t, kind+s.URL+"/"+canary+"?chat_id=1"), hostile())
		if len(got) != 1 || !got[0].Told || len(s.heard()) != 1 {
			t.Errorf("%q: %+v, heard %q", kind, got, s.heard())
			continue
		}
		_, body, _ := strings.Cut(s.heard()[0], "?chat_id=1 ")
		var m map[string]any
		if err := json.Unmarshal([]byte(body), &m); err != nil || !want(m) {
			t.Errorf("%q: %v: %s", kind, err, body)
		}
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Priority") != "high" {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	if got := teller().Tell(t.Context(), targets(t, "ntfy:"+s.URL+"/topic"), hostile()); !got[0].Told {
		t.Errorf("ntfy: %+v", got)
	}
}

// Whatever the far side does, it is told three times at the most, for ten seconds
// at the most, no redirect is followed, and nothing of the URL is said.
func TestNothingThatATargetDoesHoldsUpOrTellsASecret(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) {})
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		came   int
		why    string
	}{
		"it refuses":        {func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusForbidden) }, 1, "it answers 403"},
		"it is broken":      {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, 3, "it answers 502"},
		"it has had enough": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, 3, "it answers 429"},
		"it points elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
		}, 1, "no redirect is followed"},
		"it cuts":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 3, "it broke off"},
		"it is well": {func(http.ResponseWriter, *http.Request) {}, 1, ""},
	} {
		s := serve(t, tt.answer)
		got := teller().Tell(t.Context(), targets(t, "slack:"+s.URL+"/services/"+canary), hostile())[0]
		if got.Told != (tt.why == "") || !strings.Contains(got.Detail, tt.why) || len(s.heard()) != tt.came || strings.Contains(fmt.Sprintf("%+v", got), canary) {
			t.Errorf("%s: %+v, %d requests", name, got, len(s.heard()))
		}
	}
	if len(elsewhere.heard()) > 0 {
		t.Errorf("a redirect was followed: %q", elsewhere.heard())
	}
}

// never is a transport that gives no answer.
type never struct{}

func (never) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, fmt.Errorf("Post %q: %w", r.URL, r.Context().Err())
}

func TestSilenceCostsTenSecondsAtTheMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		quiet := tell.New(tell.Options{Transport: never{}, Clock: clock.Real()})
		start := time.Now()
		got := quiet.Tell(t.Context(), targets(t, "slack:https://hooks.example.com/"+canary+" https://example.org/"+canary), hostile())
		if took := time.Since(start); took > tell.Bound || got[0].Told || got[1].Told || strings.Contains(fmt.Sprintf("%+v", got), canary) {
			t.Errorf("after %s: %+v", took, got)
		}
	})
}

func TestAHeartbeatIsAskedAsItsKindWants(t *testing.T) {
	t.Parallel()
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	h, err := tell.HeartbeatAt(s.URL + "/" + canary + "/")
	if err != nil || !h.Set() {
		t.Fatal(err)
	}
	const id = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f101"
	for _, what := range []tell.Pulse{tell.Started, tell.Ended, tell.Failed} {
		if got := teller().Beat(t.Context(), h, what, id, "words"); !got.Told || strings.Contains(got.Target, canary) {
			t.Errorf("%q: %+v", what, got)
		}
	}
	want := []string{"POST /" + canary + "/start?rid=" + id + " words", "POST /" + canary + "?rid=" + id + " words", "POST /" + canary + "/fail?rid=" + id + " words"}
	if diff := cmp.Diff(want, s.heard()); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// What is not right is refused, without a word of it.
func TestSettingsThatAreNotRightAreRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{
		"http://example.com/" + canary, canary, "slack:" + canary, "slack:ftp://example.com/" + canary,
		"https://user:" + canary + "@example.com/", "https:///" + canary, "webhook:https://example.com/" + canary, "https://a.example.com/ http://b.example.com/" + canary,
	} {
		if got, err := tell.Targets(setting); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "mattermost") {
			t.Errorf("%s: %v, %v", setting, got, err)
		}
	}
	for _, setting := range []string{"http://example.com/" + canary, "https://example.com/?x=" + canary, canary, "https://a.example.com https://b.example.com/" + canary} {
		if got, err := tell.HeartbeatAt(setting); err == nil || got.Set() || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	if got := targets(t, "  https://a.example.com/x   slack:https://hooks.slack.com/y "); len(got) != 2 || got[0].Name() != "webhook at a.example.com" || got[1].Name() != "slack at hooks.slack.com" || strings.Contains(fmt.Sprintf("%+v %#v", got, got), "/y") {
		t.Errorf("%+v", got)
	}
}
