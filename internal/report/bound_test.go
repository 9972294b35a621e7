package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// many is the report of a project with so many endpoints, of which every fiftieth
// is not as it should be, and so many legacy tokens that went.
func many(n int) *report.Report {
	r := &report.Report{}
	for i := range n {
		e := report.Endpoint{
			URL: fmt.Sprintf("https://f-%d.example.com/favicon.ico", i), Product: "functions", Resource: fmt.Sprint("f-", i),
			Namespace: fmt.Sprint("ns-", i%10), Region: "fr-par", Result: "ok",
		}
		if i%50 == 0 {
			e.Result, e.Detail = "locked", "it refuses the key of checkout"
			r.Findings = append(r.Findings, report.Finding{Level: report.Error, Subject: e.URL, Text: e.Detail})
		}
		r.Endpoints = append(r.Endpoints, e)
		r.LegacyTokens = append(r.LegacyTokens, report.LegacyToken{ID: fmt.Sprint(i), Product: "functions", Region: "fr-par", Result: "deleted", Why: strings.Repeat("w", 100)})
		r.Changes = append(r.Changes, report.Change{Kind: "delete_token", Object: fmt.Sprint(i), Result: report.Done})
	}
	return r
}

func TestManyRowsThatAreAsTheyShouldBeAreCounted(t *testing.T) {
	t.Parallel()
	r := many(2000)
	before := r.Counts()
	r.SumUp()
	sums := map[string]int{}
	for _, s := range r.SummedUp {
		sums[s.Kind+" "+s.Result] += s.Count
	}
	if len(r.Endpoints) != 40 || len(r.LegacyTokens) != 0 || len(r.Changes) != 0 || r.Counts() != before || before.TokensDeleted != 2000 ||
		sums["endpoint ok"] != 1960 || sums["legacy token deleted"] != 2000 || sums["change done"] != 2000 || len(r.SummedUp) != 12 {
		t.Errorf("%d endpoints, %d tokens, %d changes, %v, %+v", len(r.Endpoints), len(r.LegacyTokens), len(r.Changes), sums, r.Counts())
	}
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	lines := strings.Count(text.String(), "\n")
	if lines > 150 || !strings.Contains(text.String(), "✓  1960 more  functions  fr-par, 10 namespaces  ok") || !strings.Contains(text.String(), "2000 more") {
		t.Errorf("%d lines:\n%s", lines, text.String())
	}
	few := many(90)
	few.SumUp()
	if len(few.Endpoints) != 90 || len(few.LegacyTokens) != 90 || len(few.SummedUp) != 0 {
		t.Errorf("of a small project, rows are summed up: %+v", few.SummedUp)
	}
}

// Whatever there is, a report is no larger than what the platform carries, and
// says what of it is missing.
func TestLongAReportIsNoLargerThanThePlatformCarries(t *testing.T) {
	t.Parallel()
	r := many(12000)
	for i := range r.Findings {
		r.Findings[i].Text = strings.Repeat("x", 400)
	}
	before := r.Counts()
	var out bytes.Buffer
	if err := r.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var got report.Report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	missing := map[string]int{}
	for _, c := range got.Cut {
		missing[c.List] += c.Rows
	}
	if out.Len() > 5<<20 || len(got.Endpoints)+missing["endpoints"] != 12000 || len(got.LegacyTokens)+missing["legacy_tokens"] != 12000 || r.Counts() != before {
		t.Errorf("%d bytes, %d endpoints, %d tokens, cut %v", out.Len(), len(got.Endpoints), len(got.LegacyTokens), got.Cut)
	}
}
