//go:build browser

// Package browser looks at the report's pages as people do, in Chromium: on a
// phone and on a desk, light, dark and printed. Screenshots stay in screenshots/.
package browser_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const control = "the-control-secret-of-these-tests"

// demo is the function on the demo project.
func demo(t *testing.T) http.Handler {
	t.Helper()
	env := emulatortest.Start(t, emulator.Options{Seed: 1}, emulator.Demo())
	own := env.Keys("rotator")[0]
	return handler.New([]string{
		"ROTATOR_ACCESS_KEY=" + own.AccessKey, "ROTATOR_SECRET_KEY=" + own.SecretKey,
		"ROTATOR_ORGANIZATION_ID=" + env.Organization(), "ROTATOR_PROJECT_ID=" + env.Project("demo"),
		"ROTATOR_CONTROL_SECRET=" + control, "ROTATOR_REQUESTS_PER_SECOND=1000",
	}, io.Discard, handler.Options{
		API: env.RoundTripper(), Endpoints: env.RoundTripper(),
		Clock: clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After, Emulated: true},
	})
}

// worst is a run that failed everywhere, of things with names that do not break.
func worst() *report.Report {
	now := time.Date(2026, time.December, 20, 4, 0, 0, 0, time.UTC)
	day := func(n int) *time.Time { at := now.AddDate(0, 0, n); return &at }
	long := strings.Repeat("Name<script>", 20)
	key := func(name, state string, made int, expires *time.Time) report.Key {
		return report.Key{AccessKey: name, State: state, CreatedAt: *day(made), AgeDays: -made, ExpiresAt: expires, Note: long}
	}
	probe := func(result string, status int) report.Probe {
		return report.Probe{Application: long, Result: result, Status: status, Detail: long}
	}
	r := &report.Report{
		RunID: "worst", ProjectID: "p", StartedAt: now, FinishedAt: now.Add(time.Minute),
		OwnKey: &report.OwnKey{AccessKey: "SCWZZZZZZZZZZZZZZZZZ", CreatedAt: *day(-700), AgeDays: 700},
		Steps:  []report.Step{{Name: "check", Outcome: report.Failure, Errors: []string{long, "two"}}},
		Applications: []report.Application{
			{Name: long, InScope: true, Action: "kept", Why: long, Keys: []report.Key{
				key("SCWAAAAAAAAAAAAAAAAA", "current", -10, day(80)), key("SCWBBBBBBBBBBBBBBBBB", "superseded", -40, nil),
				key("SCWCCCCCCCCCCCCCCCCC", "superseded", -100, day(400)), key("SCWDDDDDDDDDDDDDDDDD", "superseded", -100, day(-20)),
				key("SCWEEEEEEEEEEEEEEEEE", "unpublished", -300, nil), key("SCWFFFFFFFFFFFFFFFFF", "orphan", 0, day(90)),
			}, Next: []report.Event{
				{At: *day(20), What: "the current key SCWAAAAAAAAAAAAAAAAA is rotated", Kind: "rotate"},
				{At: *day(5), What: "the superseded key SCWBBBBBBBBBBBBBBBBB is deleted", Kind: "delete"},
			}},
			{Name: "", InScope: true, Action: "failed", Why: "", Keys: []report.Key{key("SCWGGGGGGGGGGGGGGGGG", "managed", -1, nil)}},
		},
		Consumers:    []report.Consumer{{Kind: "function", Name: long, Namespace: long, Region: "fr-par", Result: "failed", Detail: long, Variables: []report.Variable{{Name: long, Application: long}}}},
		CheckingKeys: []report.CheckingKey{{Application: long, Products: []string{"functions"}, Why: long}},
		Endpoints: []report.Endpoint{
			{URL: "https://" + long, Resource: long, Namespace: long, Result: "open", Detail: long, NoToken: probe("accepted", 200), Malformed: probe("refused", 403), Unknown: probe("inconclusive", 0), Keys: []report.Probe{probe("accepted", 404)}},
			{URL: "https://two", Resource: "two", Namespace: "n", Result: "unproven", Detail: "why", NoToken: probe("not tried", 0)},
		},
		LegacyTokens: []report.LegacyToken{{ID: "t", Scope: "function", Of: long, Result: "held", Why: long}},
		Changes:      []report.Change{{Kind: "publish", Object: long, Result: report.Unknown, Reason: long}},
		Findings: []report.Finding{
			{Level: report.Error, Subject: long, Text: long, Hint: long}, {Level: report.Warning, Subject: long, Text: long, Hint: long}, {Level: report.Note, Subject: long, Text: long},
		},
		Left: []string{long}, SummedUp: []report.Sum{{Kind: "endpoint", Product: "functions", Region: "fr-par", Namespace: "n", Result: "ok", Count: 900}},
	}
	r.Conclude()
	return r
}

// site serves the pages, and what is asked for besides is kept.
func site(t *testing.T) (url string, pages []string, others func() []string) {
	t.Helper()
	function := demo(t)
	var (
		mu    sync.Mutex
		asked []string
	)
	mux := http.NewServeMux()
	serve := func(name, body string, header ...string) {
		pages = append(pages, name)
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			request := httptest.NewRequestWithContext(r.Context(), http.MethodPost, "/?format=html", strings.NewReader(body))
			for i := 0; i+1 < len(header); i += 2 {
				request.Header.Set(header[i], header[i+1])
			}
			answer := httptest.NewRecorder()
			function.ServeHTTP(answer, request)
			for key := range answer.Header() {
				w.Header().Set(key, answer.Header().Get(key))
			}
			_, _ = answer.Body.WriteTo(w) // a failure's status is a line of the console
		})
	}
	serve("demo", `{"dry_run": true}`, handler.ControlHeader, control)
	serve("brief", `{"dry_run": true}`)
	serve("refused", "nonsense")
	pages = append(pages, "worst")
	mux.HandleFunc("GET /worst", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", report.ContentSecurityPolicy())
		_ = worst().HTML(w)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		http.NotFound(w, r)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/", pages, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// seen is what the script below finds.
type seen struct {
	Wide, Screen int
	Texts        int
	Wrong        []string
	Scripts      int
}

// look measures every text that is shown: its size, and the contrast of its color
// with that of what it stands on. A mark is no text.
const look = `(() => {
	const rgb = c => c.match(/[\d.]+/g).map(Number);
	const light = c => {
		const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const behind = e => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] === 1) return c;
			if (c[3] !== 0) throw new Error("translucent: " + e.tagName);
		}
		return [255, 255, 255];
	};
	const out = {Wide: document.documentElement.scrollWidth, Screen: innerWidth, Texts: 0, Wrong: [], Scripts: document.scripts.length};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest("title, desc, style") || getComputedStyle(e).display === "none") continue;
		out.Texts++;
		const style = getComputedStyle(e);
		const [a, b] = [light(rgb(e instanceof SVGElement ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
		const contrast = (a + 0.05) / (b + 0.05);
		const size = parseFloat(style.fontSize);
		if (contrast < 4.5 || size < 12) out.Wrong.push(e.tagName + " " + n.data.trim().slice(0, 40) + ": contrast " + contrast.toFixed(2) + ", " + size + " px");
	}
	return out;
})()`

func TestPagesReadWell(t *testing.T) {
	options := chromedp.DefaultExecAllocatorOptions[:]
	if os.Getuid() == 0 { // Chromium refuses its sandbox to root
		options = append(options, chromedp.NoSandbox)
	}
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	browser, quit := chromedp.NewContext(allocator)
	defer quit()
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("Chromium does not start: %v", err)
	}
	url, pages, others := site(t)
	if err := os.MkdirAll("screenshots", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		for _, width := range []int64{320, 360, 768, 1440} {
			for _, scheme := range []string{"light", "dark", "print"} {
				if scheme == "print" && width < 700 {
					continue // no paper is that narrow
				}
				t.Run(fmt.Sprintf("%s %d %s", page, width, scheme), func(t *testing.T) {
					view(browser, t, url+page, width, scheme)
				})
			}
		}
	}
	if asked := others(); len(asked) > 0 {
		t.Errorf("the pages had the browser ask for %v", asked)
	}
}

// view opens a page in a tab of its own.
func view(browser context.Context, t *testing.T, url string, width int64, scheme string) {
	t.Helper()
	tab, shut := chromedp.NewContext(browser)
	defer shut()
	tab, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	var (
		mu   sync.Mutex
		said []string
	)
	listen := func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch event := event.(type) {
		case *log.EventEntryAdded:
			said = append(said, fmt.Sprintf("log: %s: %s", event.Entry.Level, event.Entry.Text))
		case *runtime.EventConsoleAPICalled:
			said = append(said, fmt.Sprintf("console: %s", event.Type))
		case *runtime.EventExceptionThrown:
			said = append(said, "exception: "+event.ExceptionDetails.Text)
		case *network.EventRequestWillBeSent:
			said = append(said, "request: "+event.Request.URL)
		}
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if scheme == "print" {
		media.Media, media.Features[0].Value = "print", "dark"
	}
	_, logged := chromedp.Call(tab, log.Enable, cdp.Empty{})
	_, watched := chromedp.Call(tab, network.Enable, network.EnableParams{})
	_, run := chromedp.Call(tab, runtime.Enable, cdp.Empty{})
	_, shown := chromedp.Call(tab, emulation.SetEmulatedMedia, media)
	_, sized := chromedp.Call(tab, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1})
	listening := chromedp.Listen(tab, listen)
	opened := chromedp.Do(tab, chromedp.Navigate(url))
	if err := errors.Join(logged, watched, run, shown, sized, listening, opened); err != nil {
		t.Fatal(err)
	}
	got, err := chromedp.Run(tab, chromedp.Evaluate[seen](look))
	if err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(tab, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestPagesReadWell/"), "_", "-") + ".png"
	if err := os.WriteFile(filepath.Join("screenshots", name), shot, 0o600); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(shot, []byte("\x89PNG")) {
		t.Error("the screenshot is none")
	}
	if got.Wide > got.Screen || got.Screen != int(width) {
		t.Errorf("the page is %d wide, on a screen of %d", got.Wide, got.Screen)
	}
	if got.Texts < 3 || got.Scripts != 0 {
		t.Errorf("%d texts, %d scripts", got.Texts, got.Scripts)
	}
	if len(got.Wrong) > 0 {
		t.Errorf("hard to read:\n%s", strings.Join(got.Wrong, "\n"))
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) == 0 || said[0] != "request: "+url { // the page itself
		t.Errorf("what the browser asked for was not seen: %v", said)
	} else if said = said[1:]; len(said) > 0 {
		t.Errorf("the browser says:\n%s", strings.Join(said, "\n"))
	}
}
