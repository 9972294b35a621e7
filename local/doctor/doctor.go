// Package doctor answers, for the project that a function looks after: is it
// right, is it too much, will it go on? It asks the API as whoever runs it, and
// as a run does where a dry run is the answer; and it changes nothing.
//
// What is known is read in one place (facts.go). A check is a function of that
// alone, and says what it found in lines, each with the command that mends it.
// It promises that no line shows a secret. The function itself it calls without a key,
// and where that is refused, with the caller's: a GET, which is a dry run (call.go).
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/local/manifest"
)

// Mark says how a line is meant.
type Mark string

// Marks. One Wrong makes the whole of it wrong.
const (
	Right   Mark = "right"
	Warning Mark = "warning" // a person should look at it
	Wrong   Mark = "wrong"
)

// Line is one thing that was looked at.
type Line struct {
	Section string `json:"section"`
	Mark    Mark   `json:"mark"`
	Text    string `json:"text"` // one sentence
	Mend    string `json:"mend"` // the command that mends it, or what to do; "" where nothing is to mend
}

// Result is what the doctor found.
type Result struct {
	Outcome        Mark      `json:"outcome"` // the worst of the lines' marks
	OrganizationID string    `json:"organization_id"`
	ProjectID      string    `json:"project_id"`
	AccessKey      string    `json:"access_key"` // that was asked with
	At             time.Time `json:"at"`         // by the API's clock
	Lines          []Line    `json:"lines"`
}

// Options say whom to ask, and what should be.
type Options struct {
	// Caller are the key, organization, project and API address to ask with, as
	// ROTATOR_ variables.
	Caller []string
	// Manifest is what make deploy would deploy from here.
	Manifest manifest.Service
	// Elsewhere is the project that .env or the environment name, where it is not the
	// one that is asked about.
	Elsewhere string
	// ControlSecret is that of .env; "": there is none, and the function shows no whole
	// report.
	ControlSecret string
	// OwnKey is the key that .env or the environment have for the function: with it the
	// fence is tried, if the function runs on it.
	OwnAccessKey, OwnSecretKey string

	API       http.RoundTripper // nil: the real one, as are those below
	Endpoints http.RoundTripper
	Clock     clock.Clock
}

// The sections, in the order in which they are shown.
const (
	sectionAccess   = "Access"
	sectionKey      = "The function's key"
	sectionRights   = "What the function may do"
	sectionFunction = "The deployed function"
	sectionProject  = "The project"
	sectionRun      = "The last run"
)

// Examine reads what there is and checks it.
func Examine(ctx context.Context, o Options) Result {
	if o.Clock.Now == nil {
		o.Clock = clock.Real()
	}
	f := gather(ctx, o)
	r := Result{Outcome: Right, OrganizationID: f.organization, ProjectID: f.project, AccessKey: printable.Unkeyed(f.caller), At: f.now, Lines: []Line{}}
	for _, section := range []struct {
		name  string
		check func(*facts) []Line
	}{
		{sectionAccess, access},
		{sectionKey, ownKey},
		{sectionRights, tooLittle},
		{sectionRights, tooMuch},
		{sectionRights, fence},
		{sectionFunction, deployedFunction},
		{sectionFunction, entrance},
		{sectionFunction, crons},
		{sectionFunction, settings},
		{sectionProject, scope},
		{sectionProject, carriers},
		{sectionProject, room},
		{sectionProject, lifetimes},
		{sectionProject, expiring},
		{sectionProject, findings},
		{sectionProject, coming},
		{sectionRun, lastRun},
	} {
		for _, line := range section.check(f) {
			line.Section = section.name
			r.Lines = append(r.Lines, line)
		}
		if f.unreachable() { // nothing else is known
			break
		}
	}
	printable.Fields(&r.Lines)
	for _, line := range r.Lines {
		if line.Mark == Wrong || line.Mark == Warning && r.Outcome == Right {
			r.Outcome = line.Mark
		}
	}
	return r
}

func right(format string, args ...any) Line {
	return Line{Mark: Right, Text: fmt.Sprintf(format, args...)}
}

func warning(mend, format string, args ...any) Line {
	return Line{Mark: Warning, Text: fmt.Sprintf(format, args...), Mend: mend}
}

func wrong(mend, format string, args ...any) Line {
	return Line{Mark: Wrong, Text: fmt.Sprintf(format, args...), Mend: mend}
}

func lines(l ...Line) []Line { return l }

// JSON writes the result for a program.
func (r Result) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r) //nolint:gosec // an access key is no secret
}

// Text writes the result for a person.
func (r Result) Text(w io.Writer) error {
	var b strings.Builder
	signs := map[Mark]string{Right: "✓", Warning: "!", Wrong: "✗"}
	counts := map[Mark]int{}
	section := ""
	for _, line := range r.Lines {
		if line.Section != section {
			if section != "" {
				b.WriteString("\n")
			}
			section = line.Section
			b.WriteString(strings.ToUpper(section) + "\n")
		}
		counts[line.Mark]++
		b.WriteString("  " + signs[line.Mark] + " " + line.Text + "\n")
		if line.Mend != "" {
			b.WriteString("    → " + line.Mend + "\n")
		}
	}
	fmt.Fprintf(&b, "\n%s project %s, asked with %s: %d wrong, %d to look at, %d as it should be; nothing was changed\n",
		signs[r.Outcome], r.ProjectID, r.AccessKey, counts[Wrong], counts[Warning], counts[Right])
	_, err := io.WriteString(w, b.String())
	return err
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
