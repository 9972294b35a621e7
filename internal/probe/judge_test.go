package probe_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// answers makes Refusals of the statuses; -1 is one that was not tried.
func answers(statuses ...int) probe.Refusals {
	one := func(status int) probe.Answer {
		a := probe.Answer{Verdict: probe.Inconclusive, Status: status}
		switch status {
		case -1:
			a = probe.Answer{Verdict: probe.NotTried, Detail: "the run's time was over"}
		case 0:
			a.Detail = "no answer in time"
		case 200, 302:
			a.Verdict = probe.Accepted
		case 401, 403:
			a.Verdict = probe.Refused
		}
		return a
	}
	return probe.Refusals{NoToken: one(statuses[0]), Malformed: one(statuses[1]), Unknown: one(statuses[2])}
}

// keyAnswers are applications a, b, c with their keys' verdicts.
func keyAnswers(verdicts ...probe.Verdict) []probe.KeyAnswer {
	var out []probe.KeyAnswer
	for i, v := range verdicts {
		out = append(out, probe.KeyAnswer{Key: keyOf(string(rune('a'+i)), canary), Answer: probe.Answer{Verdict: v}})
	}
	return out
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const yes, no, unclear, untried = probe.Accepted, probe.Refused, probe.Inconclusive, probe.NotTried
	off := func(e *probe.Endpoint) { e.Resource.HostMayBeOff = true }
	offCustom := func(e *probe.Endpoint) { e.Resource.HostMayBeOff, e.Custom = true, true }
	own := func(e *probe.Endpoint) { e.Own = true }
	rows := []struct {
		name     string
		change   func(*probe.Endpoint)
		refusals probe.Refusals
		keys     []probe.KeyAnswer
		result   probe.Result
		detail   string
		opened   bool
	}{
		{"all well", nil, answers(403, 403, 403), keyAnswers(yes, yes), probe.OK, "", true},
		{"all well, with 401", nil, answers(401, 401, 403), keyAnswers(yes), probe.OK, "", true},
		{"all well, off but there", off, answers(403, 403, 403), keyAnswers(yes), probe.OK, "", true},
		{"off", off, answers(404, 404, 404), keyAnswers(untried), probe.Disabled, "the default endpoint is switched off", false},
		{"off, custom", offCustom, answers(404, 404, 404), keyAnswers(untried), probe.Unclear, "without a valid key: 404", false},
		{"404", nil, answers(404, 404, 404), nil, probe.Unclear, "without a valid key: 404", false},
		{"open", nil, answers(200, 403, 403), nil, probe.Open, "it answers requests without a valid key", false},
		{"open to a malformed token", nil, answers(403, 302, 403), nil, probe.Open, "it answers requests without a valid key", false},
		{"open to an unknown token", nil, answers(403, 500, 200), nil, probe.Open, "it answers requests without a valid key", false},
		{"the own is open", own, answers(200, 200, 200), keyAnswers(untried), probe.Open, "it answers requests without a valid key", false},
		{"no answer", nil, answers(403, 403, 0), keyAnswers(untried), probe.Unclear, "without a valid key: no answer in time", false},
		{"a server error", nil, answers(403, 503, 0), nil, probe.Unclear, "without a valid key: 503", false},
		{"the own is unclear", own, answers(500, 403, 403), nil, probe.Unclear, "without a valid key: 500", false},
		{"no time", nil, answers(403, -1, -1), nil, probe.Unclear, "not asked: the run's time was over", false},
		{"the own", own, answers(403, 403, 403), keyAnswers(untried), probe.Own, "the function cannot call itself during its own run", false},
		{"no credential", nil, answers(403, 403, 403), nil, probe.Unproven, "there is no credential to try", false},
		{"one is refused", nil, answers(403, 403, 403), keyAnswers(yes, no, unclear), probe.Locked, "it refuses the key of b", true},
		{"two are refused", nil, answers(403, 403, 403), keyAnswers(no, yes, no), probe.Locked, "it refuses the key of a, c", true},
		{"one is unclear", nil, answers(403, 403, 403), keyAnswers(yes, unclear), probe.Unclear, "no clear answer to the key of b", true},
		{"two had no time", nil, answers(403, 403, 403), keyAnswers(untried, untried), probe.Unclear, "no clear answer to the key of a, b", false},
		{"one is unclear, one had no time", nil, answers(403, 403, 403), keyAnswers(unclear, untried), probe.Unclear, "no clear answer to the key of a, b", false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			e := api()
			if r.change != nil {
				r.change(&e)
			}
			row := probe.Row{Endpoint: e, Refusals: r.refusals, Keys: r.keys}
			row.Judge()
			want, got := []any{r.result, r.detail, r.opened}, []any{row.Result, row.Detail, row.Opened()}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	resource := func(name string, change func(*scaleway.Resource)) scaleway.Resource {
		r := scaleway.Resource{Product: scaleway.Containers, ID: name, Name: name, Private: true, Region: "fr-par", Host: name + ".functions.fnc.fr-par.scw.cloud"}
		change(&r)
		return r
	}
	resources := []scaleway.Resource{
		resource("plain", func(*scaleway.Resource) {}),
		resource("public", func(r *scaleway.Resource) { r.Private = false }),
		resource("healthy", func(r *scaleway.Resource) { r.HealthPath = "/healthz" }),
		resource("odd", func(r *scaleway.Resource) { r.HealthPath = "healthz" }),
		resource("homeless", func(r *scaleway.Resource) { r.Host = "" }),
		resource("switched off", func(r *scaleway.Resource) { r.Host, r.HostMayBeOff = "", true }),
		resource("custom", func(r *scaleway.Resource) {
			r.Domains = []scaleway.Domain{{Host: "a.example.org", Ready: true}, {Host: "b.example.org"}, {Host: "c.example.org", Ready: true}}
		}),
		resource("self", func(*scaleway.Resource) {}),
	}
	type line struct {
		URL         string
		Custom, Own bool
		Doubt       string
	}
	var got []line
	for _, e := range probe.Endpoints(resources, "/favicon.ico", func(r scaleway.Resource) bool { return r.Name == "self" }) {
		got = append(got, line{e.URL, e.Custom, e.Own, e.Doubt})
		if e.Doubt == "" && e.URL[:len("https://"+e.Host+"/")] != "https://"+e.Host+"/" {
			t.Errorf("host %s of %s", e.Host, e.URL)
		}
	}
	const at = ".functions.fnc.fr-par.scw.cloud"
	want := []line{
		{"https://plain" + at + "/favicon.ico", false, false, ""},
		{"https://healthy" + at + "/healthz", false, false, ""},
		{"https://odd" + at + "/favicon.ico", false, false, ""},
		{`container homeless at ""`, false, false, "the API names no address for it"},
		{"https://custom" + at + "/favicon.ico", false, false, ""},
		{"https://a.example.org/favicon.ico", true, false, ""},
		{"https://c.example.org/favicon.ico", true, false, ""},
		{"https://self" + at + "/favicon.ico", false, true, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
