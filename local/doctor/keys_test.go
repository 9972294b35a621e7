package doctor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestAKeyThatExpired(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	seed.Applications[0].Keys[0].ExpiresIn = -2 * days
	r := open(t, seed).examine()
	if line := says(t, r, doctor.Wrong, "the function runs on "+ownAccess+", which expired on 30 August 2026"); line.Mend != "make deploy ARGS=--new-key" {
		t.Errorf("it is mended by %s", line.Mend)
	}
	says(t, r, doctor.Warning, "1 of the organization's API keys expired and only take room: "+ownAccess)
}

func TestKeysThatNobodyReplaces(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "partner", Keys: []emulator.SeedKey{{AccessKey: "SCWPARTNER0000000001", Age: 80 * days, ExpiresIn: 10 * days}},
		Policies: []emulator.SeedPolicy{{Name: "partner", Rules: emulator.CallerRules("demo", "other")}},
	})
	r := open(t, seed).examine()
	says(t, r, doctor.Warning, "key SCWPARTNER0000000001 of application partner expires on 11 September 2026, in 9 days, and nobody replaces it: it reaches more than this project")
	named := 0
	for _, line := range r.Lines {
		if strings.Contains(line.Text, "SCWPARTNER0000000001") && line.Mark != doctor.Right {
			named++
		}
	}
	if named != 1 {
		t.Errorf("%d lines say that the key dies: a run's own finding is one of them", named)
	}
}

func TestRunsThatLeaveNothing(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	seed.Applications[0].Keys[0].Age, seed.Applications[0].Keys[0].ExpiresIn = 60*days, 30*days
	seed.Applications[1].Keys[0].Age, seed.Applications[1].Keys[0].ExpiresIn = 50*days, 40*days
	seed.Secrets[0].Versions[0].Age = 50 * days
	r := open(t, seed).examine()
	says(t, r, doctor.Wrong, "the last run that left anything behind was on 13 July 2026, 12:00 UTC (it made a key, and put it in its place), and each key is to be replaced every 30 days")
	says(t, r, doctor.Warning, "that key is 60 days old, and should have been replaced at 30 days")
}

// A key that no version names, and that the function does not have, is that of a run
// that did not come to its end.
func TestARunThatDidNotEnd(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	seed.Applications[1].Keys = append(seed.Applications[1].Keys, emulator.SeedKey{
		AccessKey: "SCWCHECKOUT000000002", Description: "checkout [rotator " + projectID + "]", Age: emulator.SeedAge(30 * time.Minute), ExpiresIn: 90 * days, Project: "demo",
	})
	c := open(t, seed)
	says(t, c.examine(), doctor.Warning, "did not come to its end: it made the key SCWCHECKOUT000000002, and nothing has it")
	c = open(t, wellSet())
	c.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": checkout, "description": "checkout [rotator " + projectID + "]", "expires_at": "2026-11-30T00:00:00Z"})
	says(t, c.examine(), doctor.Right, ", and may still be at it")
}

// Nothing is left behind by runs that have not come.
func TestBeforeTheFirstRun(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	seed.Secrets = nil
	for i := range seed.Applications {
		seed.Applications[i].Keys[0].Description = "made by hand"
	}
	seed.Serverless = nil
	c := open(t, seed)
	says(t, c.examine(), doctor.Right, "no run has come yet: the function is there since 1 September 2026")
	c.Clock().Advance(25 * time.Hour)
	says(t, c.examine(), doctor.Warning, "no run has left anything behind yet: none was, or none had anything to do")
}

// How the last run ended stands where versions can be listed, and not read.
func TestHowTheLastRunEnded(t *testing.T) {
	t.Parallel()
	for want, last := range map[string]*ledger.Last{
		"it wrote /rotator/rotator-ledger; the last run was a success":                                          {},
		"it wrote /rotator/rotator-ledger. Runs fail, since the one on 31 August 2026, 12:00 UTC at the latest": {Failed: true},
		"it wrote /rotator/rotator-ledger; how the last one ended is noted only where ROTATOR_NOTIFY is set":    nil,
	} {
		seed := wellSet()
		l := ledger.Ledger{Last: last}
		data, _ := l.Encode()
		seed.Secrets = append(seed.Secrets, emulator.SeedSecret{
			Name: "rotator-ledger", Project: "demo", Path: "/rotator", Type: "opaque", Tags: []string{"rotator"},
			Versions: []emulator.SeedVersion{{Data: string(data), Description: l.Description(), Age: days}},
		})
		mark := doctor.Right
		if last != nil && last.Failed {
			mark = doctor.Warning
		}
		says(t, open(t, seed).examine(), mark, want)
	}
}
