package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/local/manifest"
)

const (
	projectVariable      = "SCW_DEFAULT_PROJECT_ID"
	organizationVariable = "SCW_DEFAULT_ORGANIZATION_ID"
	controlSecret        = "ROTATOR_CONTROL_SECRET"
	probeApplication     = "ROTATOR_PROBE_APPLICATION"
)

// DotEnv is the file from which make deploy takes its variables.
type DotEnv struct {
	Path   string // where it really is
	Text   string
	Exists bool
	Mode   fs.FileMode
	Values map[string]string // as osls reads them
}

func readDotEnv(root string) (DotEnv, error) {
	e := DotEnv{Path: filepath.Join(root, ".env")}
	var err error
	if e.Values, err = manifest.Environment(root, nil); err != nil {
		return e, fmt.Errorf("%w; mend it, then run the same again", err)
	}
	if at, err := filepath.EvalSymlinks(e.Path); err == nil { // a link stays one
		e.Path = at
	}
	info, err := os.Stat(e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	text, err := os.ReadFile(e.Path)
	e.Text, e.Exists, e.Mode = string(text), true, info.Mode()
	return e, err
}

// checked refuses to work on another project than the file deploys into.
func (e DotEnv) checked(f Facts) error {
	var problems []error
	for _, is := range []struct{ name, want string }{{projectVariable, f.ProjectID}, {organizationVariable, f.Organization}} {
		if have := e.Values[is.name]; have != "" && have != is.want {
			problems = append(problems, fmt.Errorf(".env: %s is %s, and this is about %s: make deploy would deploy there. Change the line, or use a clone for each project", is.name, have, is.want))
		}
	}
	probe := e.Values[probeApplication]
	there := slices.ContainsFunc(f.Applications, func(a application) bool { return a.ID == probe })
	if probe != "" && !there {
		problems = append(problems, fmt.Errorf(".env: %s is %s, and the organization has no such application: take the line out, then run the same again", probeApplication, probe))
	}
	if len(e.filled()) > 0 {
		problems = append(problems, e.writable())
	}
	return errors.Join(problems...)
}

// writable refuses a file that somebody has made read-only: to put another in its
// place would go past that.
func (e DotEnv) writable() error {
	if e.Exists && e.Mode.Perm()&0o200 == 0 {
		return errors.New(".env: is read-only: chmod u+w .env, then run the same again")
	}
	return nil
}

// filled is the step that the file needs, if any.
func (e DotEnv) filled() []Step {
	var missing []string
	for _, name := range []string{projectVariable, organizationVariable, controlSecret, probeApplication} {
		if e.Values[name] == "" {
			missing = append(missing, name)
		}
	}
	text := ".env: "
	switch {
	case len(missing) > 0 && slices.Contains(missing, controlSecret):
		text += "fills " + strings.Join(missing, ", ") + " (the secret is made up, and not shown); mode 0600; every other line stays"
	case len(missing) > 0:
		text += "fills " + strings.Join(missing, ", ") + "; mode 0600; every other line stays"
	case e.Mode.Perm() != 0o600:
		text += fmt.Sprintf("mode 0600, is %04o: others could read it", e.Mode.Perm())
	default:
		return nil
	}
	return []Step{{Action: Write, What: ".env", Text: text, fill: missing}}
}

// line is an assignment, and what stands before its value.
var line = regexp.MustCompile(`^(\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=)`)

// with is the file's text with values in the place of empty ones, or at its end,
// and without the lines that are to go.
func (e DotEnv) with(names []string, values map[string]string, drop []string) string {
	var lines []string
	if e.Text != "" {
		lines = strings.Split(strings.TrimSuffix(e.Text, "\n"), "\n")
	}
	if !e.Exists {
		lines = append(lines, "# Written by make setup; deploy/env.example says what each line is. Keep it to yourself.")
	}
	lines = slices.DeleteFunc(lines, func(l string) bool {
		m := line.FindStringSubmatch(l)
		return m != nil && slices.Contains(drop, m[2])
	})
	for _, name := range names {
		at := slices.IndexFunc(lines, func(l string) bool {
			m := line.FindStringSubmatch(l)
			return m != nil && m[2] == name
		})
		if at < 0 {
			lines = append(lines, name+"="+values[name])
			continue
		}
		end := ""
		if strings.HasSuffix(lines[at], "\r") {
			end = "\r"
		}
		lines[at] = line.FindString(lines[at]) + values[name] + end
	}
	return strings.Join(lines, "\n") + "\n"
}

// draft is a file beside .env that is to take its place. It is begun before
// anything is asked of the API: a folder that cannot be written to is found first.
type draft struct {
	file *os.File
	to   string
}

func newDraft(path string) (*draft, error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".env.setup-*") // mode 0600; git ignores .env.*
	if err != nil {
		return nil, fmt.Errorf(".env: cannot be written: %w", err)
	}
	return &draft{file, path}, nil
}

// put writes the text and puts the file in its place.
func (d *draft) put(text string) error {
	_, err := d.file.WriteString(text)
	if err = errors.Join(err, d.file.Sync(), d.file.Close()); err == nil {
		err = os.Rename(d.file.Name(), d.to)
	}
	if err != nil {
		return fmt.Errorf(".env: not written: %w; run the same again", err)
	}
	return nil
}

// drop leaves nothing behind.
func (d *draft) drop() {
	if d != nil {
		_ = d.file.Close() // again, where it was put
		_ = os.Remove(d.file.Name())
	}
}
