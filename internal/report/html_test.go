package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
)

// page is a page's markup, and the text between it.
type page struct {
	source   string
	elements map[string]int
	text     string
	values   []string // of attributes
}

// The pages are XML as well: read as such, an end that is missing, or a quote that
// is not closed, is an error. Only these elements and attributes are there; none
// of them runs, loads or sends anything.
const (
	elements = "html head meta title style body main header nav a section article figure figcaption footer h1 h2 h3 p ul li strong span code br div " +
		"table thead tbody tr th td svg defs pattern circle line rect path text desc"
	attributes = "lang charset http-equiv content name class id href aria-label aria-hidden role tabindex scope width height x y x1 y1 x2 y2 dx cx cy r d " +
		"patternUnits patternTransform text-anchor"
)

func read(t *testing.T, source string) page {
	t.Helper()
	p := page{source: source, elements: map[string]int{}}
	var text strings.Builder
	known := func(list, word string) bool { return slices.Contains(strings.Fields(list), word) }
	for d := xml.NewDecoder(strings.NewReader(source)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("not well-formed: %v:\n%s", err, source)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if p.elements[token.Name.Local]++; !known(elements, token.Name.Local) {
				t.Errorf("there is an element %s", token.Name.Local)
			}
			for _, a := range token.Attr {
				if !known(attributes, a.Name.Local) {
					t.Errorf("%s has an attribute %s", token.Name.Local, a.Name.Local)
				}
				if a.Name.Local == "href" && !regexp.MustCompile(`^#[a-z]+$`).MatchString(a.Value) {
					t.Errorf("a link leads to %q", a.Value)
				}
				if a.Name.Local == "class" { // it says how long a text is, among others
					if !regexp.MustCompile(`^[a-z ]+$`).MatchString(a.Value) {
						t.Errorf("%s is of the class %q", token.Name.Local, a.Value)
					}
					continue
				}
				p.values = append(p.values, a.Value)
			}
		case xml.CharData:
			text.Write(token)
		case xml.Comment, xml.ProcInst:
			t.Errorf("there is %v", token)
		}
	}
	p.text = text.String()
	return p
}

func drawn(t *testing.T, r *report.Report) page {
	t.Helper()
	r.StartedAt, r.FinishedAt, r.RunID, r.ProjectID = now, now, "r", "p"
	r.Conclude()
	var out bytes.Buffer
	if err := r.HTML(&out); err != nil {
		t.Fatal(err)
	}
	return read(t, out.String())
}

// everything is a report with something in each of its parts, named so.
func everything(name string) *report.Report {
	soon, late, gone := now.AddDate(0, 0, 7), now.AddDate(0, 0, 90), now.AddDate(0, 0, -3)
	probe := report.Probe{Application: name, AccessKey: name, Result: name, Status: 403, Detail: name}
	keys := []report.Key{
		{AccessKey: "SCWA" + name, State: "current", CreatedAt: now.AddDate(0, 0, -10), ExpiresAt: &late, Note: name},
		{AccessKey: "SCWB" + name, State: "superseded", CreatedAt: now.AddDate(0, 0, -200), Note: name},
		{AccessKey: "SCWC" + name, State: "superseded", CreatedAt: now.AddDate(0, 0, -50), Note: name},
		{AccessKey: "SCWD" + name, State: "superseded", CreatedAt: now.AddDate(0, 0, -50), ExpiresAt: &gone, Note: name},
		{AccessKey: "SCWE" + name, State: "unpublished", CreatedAt: now.AddDate(0, 0, -1), Note: name},
		{AccessKey: "SCWF" + name, State: name, CreatedAt: now.AddDate(0, 0, -1), Note: name},
	}
	return &report.Report{
		Version: name, Clock: name, OwnKey: &report.OwnKey{AccessKey: name, ApplicationID: name, CreatedAt: now.AddDate(0, 0, -5)},
		Steps: []report.Step{{Name: name, Outcome: report.Failure, Errors: []string{name}}},
		Found: report.Found{Regions: []string{name}},
		Applications: []report.Application{{
			ID: name, Name: name, InScope: true, Reason: name, Action: name, Why: name,
			Secret: &report.Secret{ID: name, Path: name, Name: name, Region: name, Revision: 2}, Keys: keys,
			Dead: []report.Dead{{AccessKey: name, Result: name, Where: name, Detail: name}},
			Next: []report.Event{
				{At: soon, What: "the key SCWA" + name + " is rotated", Kind: "rotate"},
				{At: soon, What: "the key SCWC" + name + " is deleted", Kind: "delete"},
			},
			LetIn: []report.Admission{{Product: name, URL: name, Result: name, Detail: name, Asked: 1}},
		}},
		Callers:      []report.Caller{{Kind: name, ID: name + "2", Name: name, Products: []string{name}, PermissionSets: []string{name}, Conditional: true, Why: name}},
		Consumers:    []report.Consumer{{Kind: name, ID: name, Name: name, Namespace: name, Region: name, Variables: []report.Variable{{Name: name, Application: name, AccessKey: name}}, Result: name, Detail: name, HoursLeft: 3}},
		Endpoints:    []report.Endpoint{{URL: name, Product: name, Resource: name, Namespace: name, Region: name, Result: name, Detail: name, NoToken: probe, Malformed: probe, Unknown: probe, Keys: []report.Probe{probe}}},
		CheckingKeys: []report.CheckingKey{{ApplicationID: name, Application: name, AccessKey: name, Products: []string{name}, Why: name}},
		LegacyTokens: []report.LegacyToken{{ID: name, Product: name, Scope: name, Of: name, Region: name, Description: name, ExpiresAt: &soon, Result: name, Why: name}},
		Coming:       []report.Coming{{Day: name, Keys: 1}},
		Changes: []report.Change{
			{Kind: name, Object: name, Result: report.Refused, Reason: name},
			{Kind: name, Object: name, Result: report.Done, Reason: name},
			{Kind: "delete_key", Object: "SCWB" + name, Result: report.Planned, Reason: name},
		},
		Findings: []report.Finding{
			{Level: report.Error, Subject: name, Text: name, Hint: name},
			{Level: report.Warning, Subject: name, Text: name, Hint: name},
			{Level: report.Note, Subject: name, Text: name, Hint: name},
		},
		Left:     []string{name},
		SummedUp: []report.Sum{{Kind: "endpoint", Product: name, Region: name, Namespace: name, Result: name, Detail: name, Count: 7}},
	}
}

func TestNoNameIsMarkup(t *testing.T) {
	t.Parallel()
	plain := drawn(t, everything("name"))
	for _, hostile := range []string{
		`<script>alert(1)</script>`, `</title><script>alert(1)</script>`, `</style><svg onload=alert(1)>`, `" onmouseover="alert(1)`, `' onmouseover='alert(1)`,
		`]]>`, `<![CDATA[`, `-->`, `<!--`, `&lt;b&gt;`, `&`, `{{.}}`, `javascript:alert(1)`, `url(https://example.com/)`, `<?xml?>`, "`",
		"\u202e<b>\u2066</b>", "\x00<", "\xff\xfe", "\r\n<hr>", strings.Repeat("<", 5000),
	} {
		got := drawn(t, everything(hostile))
		if fmt.Sprint(got.elements) != fmt.Sprint(plain.elements) {
			t.Errorf("%q changes the elements from %v to %v", hostile, plain.elements, got.elements)
		}
		if len(got.values) != len(plain.values) {
			t.Errorf("%q changes the number of attributes from %d to %d", hostile, len(plain.values), len(got.values))
		}
		if strings.ContainsAny(got.source, "\x00\r\u202e\u2066") {
			t.Errorf("%q: what cannot be printed is in the page", hostile)
		}
		if strings.Count(got.text, report.Line(hostile)) < 40 && len(hostile) < 500 {
			t.Errorf("%q is in the text %d times: the page says less of it than of other names", hostile, strings.Count(got.text, report.Line(hostile)))
		}
	}
}

func TestRefusalsAndBriefPagesHoldNoMarkupEither(t *testing.T) {
	t.Parallel()
	const hostile = `</p><script>alert("1")</script>`
	var refusal, brief bytes.Buffer
	if err := report.RefusalHTML(&refusal, hostile, hostile); err != nil {
		t.Fatal(err)
	}
	if p := read(t, refusal.String()); strings.Count(p.text, hostile) != 2 {
		t.Errorf("the page does not say what is wrong:\n%s", p.text)
	}
	r := everything("a-name-of-something")
	r.StartedAt, r.RunID, r.ProjectID, r.Clock = now, "r", "p", ""
	r.Coming = nil
	r.Conclude()
	if err := r.BriefHTML(&brief, hostile); err != nil {
		t.Fatal(err)
	}
	p := read(t, brief.String())
	if !strings.Contains(p.text, hostile) || !strings.Contains(p.text, "FAILURE") || strings.Contains(p.source, "a-name-of-something") {
		t.Errorf("the brief page says too much, or too little:\n%s", p.text)
	}
}

func TestThePageMayDoNothingButLookAsItDoes(t *testing.T) {
	t.Parallel()
	p := drawn(t, everything("name"))
	_, style, _ := strings.Cut(p.source, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if !slices.Contains(p.values, want) {
		t.Errorf("the page's policy is not %s", want)
	}
	if got := report.ContentSecurityPolicy(); got != want+"; frame-ancestors 'none'" || strings.Contains(got, "unsafe") {
		t.Errorf("the header's policy is %s", got)
	}
	if found := regexp.MustCompile(`@import|https?:|url\([^#]|expression|-moz-binding`).FindString(style); found != "" {
		t.Errorf("the style has %s", found)
	}
}

func TestThePictureTellsKeysApart(t *testing.T) {
	t.Parallel()
	p := drawn(t, everything("x"))
	for _, want := range []string{
		// the title of each key's picture
		"SCWAx of x: current", "SCWBx of x: superseded", "SCWCx of x: in grace", "SCWDx of x: expired, superseded", "SCWEx of x: unpublished",
		"made on 10 December, rotated on 27 December, expires on 20 March 2027",
		"made on 3 June, would be deleted on 20 December",
		"made on 31 October, is deleted on 27 December",
		"made on 31 October, expired on 17 December",
		"made on 19 December, never expires",
		"From 21 October 2026 to 19 April 2027; today is 20 December 2026.",
		"the function's own key",
	} {
		if !strings.Contains(p.text, want) {
			t.Errorf("no %q", want)
		}
	}
	// 10 of 180 days from the left to today, and so on.
	for _, want := range []string{
		`<line class="today" x1="33.33%" y1="0" x2="33.33%" y2="100%" />`,
		`<rect class="bar current" x="27.78%" y="-6" width="9.44%" height="12" />`,
		`<rect class="bar later" x="37.22%" y="-6" width="46.11%" height="12" />`,
		`<rect class="bar superseded" x="0.00%" y="-6" width="33.33%" height="12" />`,
		`<rect class="bar grace" x="5.56%" y="-6" width="31.67%" height="12" />`,
		`<rect class="bar expired" x="5.56%" y="-6" width="26.11%" height="12" />`,
		`<rect class="bar other" x="32.78%" y="-6" width="63.22%" height="12" />`,
	} {
		if !strings.Contains(p.source, want) {
			t.Errorf("no %s", want)
		}
	}
	if p.elements["pattern"] != 2 || !strings.Contains(p.source, ".bar.grace{fill:url(#grace)") {
		t.Error("nothing but a color tells keys apart")
	}
}

// Whenever a key was made and dies, it is drawn within the picture.
func TestLongEveryKeyIsOnThePicture(t *testing.T) {
	t.Parallel()
	place := regexp.MustCompile(`<rect class="bar [a-z]+" x="([0-9.]+)%" y="-6" width="([0-9.]+)%"`)
	for from := -400; from <= 400; from += 50 {
		for to := -420; to <= 420; to += 60 {
			dies := now.AddDate(0, 0, to)
			r := &report.Report{Applications: []report.Application{{
				Name: "a", Keys: []report.Key{{AccessKey: "SCWA", State: "current", CreatedAt: now.AddDate(0, 0, from), ExpiresAt: &dies}},
				Next: []report.Event{{At: now.AddDate(0, 0, (from+to)/2), What: "SCWA is rotated", Kind: "rotate"}},
			}}}
			r.StartedAt = now
			var out bytes.Buffer
			if err := r.HTML(&out); err != nil {
				t.Fatal(err)
			}
			bars := place.FindAllStringSubmatch(out.String(), -1)
			if len(bars) == 0 {
				t.Fatalf("from day %d to %d: no bar", from, to)
			}
			for _, bar := range bars {
				var x, width float64
				if _, err := fmt.Sscan(bar[1]+" "+bar[2], &x, &width); err != nil || width <= 0 || x+width > 100.01 {
					t.Errorf("from day %d to %d: %s", from, to, bar[0])
				}
			}
		}
	}
}

func TestAPageHasNoEndlessTable(t *testing.T) {
	t.Parallel()
	r := &report.Report{}
	for i := range 250 {
		name := fmt.Sprint("name-", i)
		r.Changes = append(r.Changes, report.Change{Kind: "publish", Object: name, Result: report.Refused})
		r.Findings = append(r.Findings, report.Finding{Level: report.Warning, Subject: "s", Text: name})
		r.Left = append(r.Left, name)
		r.Endpoints = append(r.Endpoints, report.Endpoint{URL: name, Resource: name, Result: "open"})
		r.Applications = append(r.Applications, report.Application{Name: name, InScope: true, Keys: []report.Key{{AccessKey: name, State: "current", CreatedAt: now}}})
	}
	p := drawn(t, r)
	if got := strings.Count(p.text, "and 150 more, which ?format=json shows"); got != 6 {
		t.Errorf("%d of 6 lists say that they are cut", got)
	}
	if len(p.source) > 1<<20 {
		t.Errorf("the page has %d bytes", len(p.source))
	}
}

func BenchmarkHTML(b *testing.B) {
	r := everything("name")
	r.StartedAt, r.FinishedAt = now, now.Add(time.Minute)
	for b.Loop() {
		if err := r.HTML(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
