package main

import "encoding/json"

// request says what a run is to do: flags in the place of JSON, which nobody
// should have to write in an emergency. What each field means is the function's.
type request struct {
	Steps        []string `help:"Do only these of rotate, deliver, check, purge, retire and own_key." placeholder:"STEP"`
	Applications []string `help:"Rotate, deliver and retire for these only (names or IDs)." placeholder:"APP"`
	Force        bool     `help:"Rotate every key in scope, whatever its age."`
	Revoke       []string `help:"Have these keys replaced where they are current, and deleted at once (access keys)." placeholder:"SCW…"`
	Now          bool     `help:"With --revoke: delete first, whoever carries it."`
	Rollback     []string `help:"Give readers and consumers of these applications the key before (names or IDs)." placeholder:"APP"`
}

// body is {} where no flag is set.
func (f request) body(dryRun bool) string {
	fields := map[string]any{}
	for name, on := range map[string]bool{"dry_run": dryRun, "force": f.Force, "now": f.Now} {
		if on {
			fields[name] = true
		}
	}
	for name, list := range map[string][]string{"steps": f.Steps, "applications": f.Applications, "revoke": f.Revoke, "rollback": f.Rollback} {
		if len(list) > 0 {
			fields[name] = list
		}
	}
	text, _ := json.Marshal(fields) //nolint:errchkjson // flags and names
	return string(text)
}
