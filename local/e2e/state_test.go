//go:build e2e

package e2e_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// state is what the control listener shows, as far as it is looked at here.
type state struct {
	Clock        time.Time
	Applications []struct {
		Name, ID string
		Keys     []struct {
			AccessKey string `json:"access_key"`
		}
	}
	Secrets []struct {
		Name, Path string
		Versions   []struct{ Status, Description string }
	}
	Functions, Containers []endpoint
	Tokens                []struct{ Project string }
}

type endpoint struct {
	ID, Namespace, Name, Project, Host string
	Private                            bool
}

func (s *shell) state() state {
	s.t.Helper()
	var now state
	s.ask("GET", s.vars["EMULATOR_CONTROL_URL"]+"/state", nil, &now)
	return now
}

// private are the demo project's private endpoints.
func (s state) private() (found []endpoint) {
	for _, end := range slices.Concat(s.Functions, s.Containers) {
		if end.Private && end.Project == project {
			found = append(found, end)
		}
	}
	return found
}

// function is the one that was deployed.
func (s *shell) function() endpoint {
	s.t.Helper()
	for _, end := range s.state().Functions {
		if end.Namespace == namespace {
			return end
		}
	}
	s.t.Fatal("nothing was deployed")
	return endpoint{}
}

// published are the current keys by application, but for the function's own:
// those that the newest enabled version of a credential's secret names.
func (s state) published() map[string]string {
	found := s.allPublished()
	delete(found, s.rotator())
	return found
}

func (s state) allPublished() map[string]string {
	found := map[string]string{}
	for _, secret := range s.Secrets {
		for _, v := range secret.Versions {
			if key, ours := strings.CutPrefix(v.Description, "rotator: key "); ours && secret.Path == "/rotator" && v.Status == "enabled" {
				found[secret.Name], _, _ = strings.Cut(key, ";")
			}
		}
	}
	return found
}

// rotator is the function's own application.
func (s state) rotator() string {
	for _, a := range s.Applications {
		if a.Name == "rotator" {
			return a.ID
		}
	}
	return ""
}

// tokens is how many the demo project has.
func (s state) tokens() (n int) {
	for _, token := range s.Tokens {
		if token.Project == project {
			n++
		}
	}
	return n
}

func (s state) keys(application string) (found []string) {
	for _, a := range s.Applications {
		if a.ID == application {
			for _, key := range a.Keys {
				found = append(found, key.AccessKey)
			}
		}
	}
	return found
}

// counts are the numbers of keys of applications with a published key.
func (s state) counts() map[string]int {
	found := map[string]int{}
	for application := range s.published() {
		found[application] = len(s.keys(application))
	}
	return found
}

// request is a line of the emulator's history.
type request struct {
	Time         time.Time
	Method, Host string
	AccessKey    string `json:"access_key"`
	UserAgent    string `json:"user_agent"`
	Status       int
}

// cron tells a cron's call, which nobody sent with a key.
func (r request) cron(host string) bool {
	return r.Host == host && r.Method == http.MethodPost && r.AccessKey == "" && r.UserAgent == ""
}

// history are the requests since then.
func (s *shell) history(since time.Time) (found []request) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.vars["EMULATOR_CONTROL_URL"]+"/history", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := json.NewDecoder(answer.Body); ; {
		var r request
		if err := lines.Decode(&r); errors.Is(err, io.EOF) {
			return found
		} else if err != nil {
			s.t.Fatal(err)
		}
		if !r.Time.Before(since) {
			found = append(found, r)
		}
	}
}

// asked are the numbers of requests that endpoints have had since then.
func (s *shell) asked(since time.Time) map[string]int {
	s.t.Helper()
	found := map[string]int{}
	for _, r := range s.history(since) {
		if r.Method == http.MethodGet && r.Host != "api.scaleway.com" && !strings.HasPrefix(r.Host, "127.0.0.1") {
			found[r.Host]++
		}
	}
	return found
}

func (s *shell) move(by time.Duration) {
	s.t.Helper()
	var moved struct{ Clock time.Time }
	s.ask("POST", s.vars["EMULATOR_CONTROL_URL"]+"/clock", map[string]string{"advance": by.String()}, &moved)
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}
