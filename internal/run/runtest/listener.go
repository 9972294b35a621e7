package runtest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// Listener hears all that the runs of a rig say: the log at its debug level, and
// their reports in both forms.
type Listener struct {
	r     *Rig
	Known emulatortest.Secrets

	mu   sync.Mutex
	Said bytes.Buffer
}

// Listen has all that the rig says from now on heard.
func (r *Rig) Listen() *Listener {
	l := &Listener{r: r, Known: emulatortest.Secrets{}}
	l.Known.Learn(r.Emulator)
	r.Log = l
	return l
}

// Write takes a line of the log; runs at once write at once.
func (l *Listener) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Said.Write(line)
}

// Report takes a report, in both forms.
func (l *Listener) Report(t *testing.T, rep *report.Report) {
	t.Helper()
	if err := json.NewEncoder(&l.Said).Encode(rep); err != nil {
		t.Fatal(err)
	}
	l.Said.WriteString(Text(t, rep))
}

// Check looks for every secret that the emulator had meanwhile: those of all
// keys, the function's own, the owner's and those made and undone among them.
func (l *Listener) Check(t *testing.T) {
	t.Helper()
	l.Known.Learn(l.r.Emulator)
	if !strings.Contains(l.Said.String(), "run ended") || !strings.Contains(l.Said.String(), l.r.Cfg.ProjectID) || len(l.Known) < 4 {
		t.Errorf("the Listener hears too little (%d bytes) or knows too few secrets (%d)", l.Said.Len(), len(l.Known))
	}
	if found := l.Known.Leaks(l.Said.String()); len(found) > 0 {
		t.Errorf("it says a secret:\n  %s", strings.Join(found, "\n  "))
	}
}
