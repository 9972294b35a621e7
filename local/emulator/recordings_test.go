package emulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// floors are the shares of recorded answers that the emulator must give, in
// percent, by the first word of the file's name.
var floors = map[string]float64{"account": 100, "iam": 100, "secrets": 100, "functions": 100, "containers": 100}

// exchange is one call of a recording (docs/scaleway.md, Recordings).
type exchange struct {
	Method       string          `json:"method"`
	Path         string          `json:"path"`
	RequestBody  json.RawMessage `json:"request_body"`
	Status       int             `json:"status"`
	ResponseBody json.RawMessage `json:"response_body"`
}

// The organization of the recordings; its default project has the same id in
// reality, and here.
const (
	recordedOrganization = "5c3a1f00-7a52-4d0e-9d3b-0b6f4c1e2a02"
	recordedProject      = "5c3a1f00-7a52-4d0e-9d3b-0b6f4c1e2a01"
)

func TestEmulatorAnswersAsRecorded(t *testing.T) {
	t.Parallel()
	files := recordings(t)
	var mu sync.Mutex
	matched, all := map[string]int{}, map[string]int{}
	t.Run("story", func(t *testing.T) {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				good, total := replay(t, readStory(t, file))
				mu.Lock()
				defer mu.Unlock()
				product, _, _ := strings.Cut(name, "-")
				matched[product] += good
				all[product] += total
			})
		}
	})
	for product, total := range all {
		share := 100 * float64(matched[product]) / float64(total)
		t.Logf("%s: %d of %d recorded answers match (%.1f %%)", product, matched[product], total, share)
		floor, known := floors[product]
		if !known {
			floor = 100
		}
		if share < floor {
			t.Errorf("%s: %.1f %% of the recorded answers match, want %.1f %%", product, share, floor)
		}
	}
}

// recordings finds the recordings, which are kept beside the module.
func recordings(t *testing.T) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			break
		}
		if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
			dir = parent
			continue
		}
		t.Fatalf("no go.mod above the test: %v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "..", "shared", "scaleway-api", "recordings", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no recordings of the real API in ../shared/scaleway-api/recordings beside the module: nothing to compare with")
	}
	return files
}

func readStory(t *testing.T, file string) []exchange {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var story []exchange
	if err := json.Unmarshal(text, &story); err != nil {
		t.Fatal(err)
	}
	return story
}

// player replays one story against an emulator of its own.
type player struct {
	t      *testing.T
	e      *emulator.Emulator
	client *http.Client
	secret string
	match  *matcher
}

// replay returns how many answers match, of how many.
func replay(t *testing.T, story []exchange) (good, total int) {
	t.Helper()
	e := emulator.New(emulator.Options{Seed: 1, Clock: emulator.NewManualClock(begin(story)), HashMemory: hashMemory})
	accessKey, secret := e.Owner()
	p := &player{t: t, e: e, client: &http.Client{Transport: e.RoundTripper()}, secret: secret, match: newMatcher(accessKey)}
	p.match.bindTo(recordedOrganization, e.Organization())
	p.match.bindTo(recordedProject, e.Project("default"))
	for i, want := range story {
		p.upload(want, story[i:])
		problems := p.play(want)
		if len(problems) == 0 {
			good++
			continue
		}
		t.Logf("%d %s %s (%d):\n\t%s", i, want.Method, want.Path, want.Status, strings.Join(problems, "\n\t"))
	}
	return good, len(story)
}

var deploys = regexp.MustCompile(`^/functions/.*/functions/([0-9a-f-]{36})/deploy$`)

// upload installs a function's code before it is deployed: calls to the object
// storage that holds it are not in the recordings. Whether it builds is known
// by how the deployment ends.
func (p *player) upload(deploy exchange, rest []exchange) {
	of := deploys.FindStringSubmatch(deploy.Path)
	if of == nil {
		return
	}
	for _, x := range rest[1:] {
		var function struct{ ID, Status string }
		if json.Unmarshal(x.ResponseBody, &function) != nil || function.ID != of[1] {
			continue
		}
		if function.Status == "ready" || function.Status == "error" {
			p.e.InstallCode(p.match.translate(of[1]), function.Status == "ready")
			return
		}
	}
}

var timestamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// begin is when a story was recorded: expiries in it are absolute. The odd
// nanoseconds make times of nine digits have nine.
func begin(story []exchange) time.Time {
	for _, x := range story {
		if text := timestamps.Find(x.ResponseBody); text != nil {
			if t, err := time.Parse(time.RFC3339, string(text)); err == nil {
				return t.Truncate(time.Second).Add(123456789)
			}
		}
	}
	return time.Date(2026, 6, 1, 12, 0, 0, 123456789, time.UTC)
}

const (
	step    = time.Second      // by which the clock moves while an answer is awaited
	longest = 15 * time.Minute // the SDK's waiters give up then, too
)

// play makes one call and returns in what its answer differs.
func (p *player) play(want exchange) []string {
	p.e.Clock().Advance(7*time.Millisecond + 1237*time.Nanosecond)
	if want.Method != http.MethodGet && want.Status == http.StatusNotFound {
		// What the story waited for was not recorded: look until it is gone.
		for range int(longest / step) {
			if got := p.call(http.MethodGet, want.Path, nil, want.Status); got.status != http.StatusOK {
				break
			}
			p.e.Clock().Advance(step)
		}
	}
	got := p.call(want.Method, want.Path, want.RequestBody, want.Status)
	problems := p.match.compare(want, got)
	if want.Method != http.MethodGet {
		return problems
	}
	// A later read may show a move that takes time.
	for range int(longest / step) {
		if len(problems) == 0 {
			return nil
		}
		p.e.Clock().Advance(step)
		again := p.match.compare(want, p.call(want.Method, want.Path, nil, want.Status))
		if len(again) == 0 {
			return nil
		}
	}
	return problems
}

type answer struct {
	status      int
	contentType string
	body        []byte
}

func (p *player) call(method, path string, body []byte, status int) answer {
	p.t.Helper()
	var sent *bytes.Reader
	if len(body) > 0 && string(body) != "null" {
		sent = bytes.NewReader([]byte(p.match.translate(string(body))))
	} else {
		sent = bytes.NewReader(nil)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, "https://api.scaleway.com"+p.match.translate(path), sent)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("X-Auth-Token", p.secret)
	if status == http.StatusUnauthorized {
		r.Header.Set("X-Auth-Token", "00000000-0000-4000-8000-000000000000")
	}
	res, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(res.Body); err != nil {
		p.t.Fatal(err)
	}
	return answer{status: res.StatusCode, contentType: strings.Join(res.Header.Values("Content-Type"), ","), body: text.Bytes()}
}
