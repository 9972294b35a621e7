package doctor

import (
	"errors"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	newKey     = "make deploy ARGS=--new-key"
	makeDeploy = "make deploy"
)

// access says what could not be asked, and why.
func access(f *facts) []Line {
	const again = "scw login, or name another profile: go run ./local doctor --profile NAME"
	_, silent := errors.AsType[silence](f.iamErr)
	switch err := f.iamErr; {
	case err == nil:
		return nil
	case silent:
		return lines(wrong("curl -sS "+config.DefaultAPIURL+", then again", "the API gives no answer: %s", report.Line(err.Error())))
	case errors.Is(err, scaleway.ErrDenied):
		return lines(wrong(again, "the API does not accept the key %s of your profile", printable.Unkeyed(f.caller)))
	case errors.Is(err, scaleway.ErrForbidden):
		return lines(wrong("have IAMReadOnly on the organization granted to whoever has this key, or name another profile: go run ./local doctor --profile NAME",
			"the key %s of your profile may not read all of IAM, so what follows is not the whole of it: %s", printable.Unkeyed(f.caller), cause(err)))
	case errors.Is(err, scaleway.ErrUnknown):
		return lines(wrong("curl -sS "+config.DefaultAPIURL+", then again", "the API gives no answer: %s", cause(err)))
	default:
		return lines(wrong(again, "nothing can be asked: %s", cause(err)))
	}
}

// cause is an error without the hint that internal/scaleway gives to the function.
func cause(err error) string {
	if said, ok := errors.AsType[*scaleway.Error](err); ok {
		return report.Line(said.Act + ": " + strings.TrimPrefix(said.Cause.Error(), "scaleway-sdk-go: "))
	}
	return report.Line(err.Error())
}

// ownKey checks whose key the function runs on, and whether it lives.
func ownKey(f *facts) []Line {
	if f.functionErr != nil {
		return lines(wrong("have FunctionsReadOnly on the project, or name another profile: go run ./local doctor --profile NAME",
			"on which key the function runs is not known: %s", cause(f.functionErr)))
	}
	if f.function == nil {
		return lines(wrong(makeDeploy, "no function is deployed, so none runs on any key"))
	}
	named := f.function.EnvironmentVariables[config.Prefix+"ACCESS_KEY"]
	var out []Line
	switch key := f.ownKey(); {
	case named == "":
		out = lines(wrong(newKey, "the function has no variable %sACCESS_KEY", config.Prefix))
	case key == nil && f.keys == nil:
		out = lines(wrong("see above", "whether %s, on which the function runs, lives is not known", printable.Unkeyed(named)))
	case key == nil:
		out = lines(wrong(newKey, "the function runs on %s, which is no key of the organization: it was deleted, or never was", printable.Unkeyed(named)))
	case key.Expired(f.now):
		out = lines(wrong(newKey, "the function runs on %s, which expired on %s", key.AccessKey, day(key.ExpiresAt)))
	case key.UserID != "":
		out = lines(wrong(newKey+" --application=ID, of an application that README.md's policy is for",
			"the function runs on %s, which is a person's: it ends with that person, and may do all that they may", key.AccessKey))
	default:
		out = append(lines(right("the function runs on %s, of application %s, which %s", key.AccessKey, f.applicationName(key.ApplicationID), f.lives(*key))), f.renewed(*key)...)
	}
	if !hasSecret(f.function, "SECRET_KEY") {
		out = append(out, wrong(newKey, "the function has no secret variable %sSECRET_KEY", config.Prefix))
	}
	if !hasSecret(f.function, "CONTROL_SECRET") {
		out = append(out, warning("echo ROTATOR_CONTROL_SECRET=$(openssl rand -hex 32) >>.env && make deploy",
			"the function has no secret variable %sCONTROL_SECRET: nobody may see whole reports, revoke or roll back", config.Prefix))
	}
	return out
}

func (f *facts) lives(k scaleway.APIKey) string {
	if k.ExpiresAt.IsZero() {
		return "never expires by itself"
	}
	return "expires on " + day(k.ExpiresAt) + ", in " + count(report.Days(k.ExpiresAt.Sub(f.now)), "day")
}

// renewed checks that the key is replaced before it dies.
func (f *facts) renewed(k scaleway.APIKey) []Line {
	left := k.ExpiresAt.Sub(f.now)
	switch {
	case f.settings.OwnKey == config.OwnKeyKeep && (k.ExpiresAt.IsZero() || left < f.settings.RotateAfter):
		return lines(warning("make deploy ARGS=--new-key, or take ROTATOR_OWN_KEY=keep out of .env", "nothing replaces that key: ROTATOR_OWN_KEY is keep"))
	case !k.ExpiresAt.IsZero() && left < 2*f.settings.Interval:
		return lines(warning("make invoke ARGS='--steps own_key'", "that key dies within two runs, and none has replaced it"))
	case f.now.Sub(k.CreatedAt) > f.settings.RotateAfter+2*f.settings.Interval && f.settings.OwnKey == config.OwnKeyRotate:
		return lines(warning("make invoke ARGS='--steps own_key'", "that key is %s old, and should have been replaced at %s",
			count(report.Days(f.now.Sub(k.CreatedAt)), "day"), count(report.Days(f.settings.RotateAfter), "day")))
	}
	return nil
}

func hasSecret(fn *functions.Function, name string) bool {
	for _, s := range fn.SecretEnvironmentVariables {
		if s != nil && s.Key == config.Prefix+name {
			return true
		}
	}
	return false
}

// lastRun says when a run last left anything behind, and whether it came to its end.
func lastRun(f *facts) []Line {
	if f.secretsErr != nil {
		return lines(wrong("have SecretManagerReadOnly on the project, or name another profile: go run ./local doctor --profile NAME",
			"when the last run was cannot be told: %s", cause(f.secretsErr)))
	}
	const look = "make invoke, and look at the function's log"
	at, by, last := time.Time{}, "it made a key, and put it in its place", f.minted()
	if last != nil {
		at = last.CreatedAt
		if !f.placed(*last) && f.now.Sub(at) < f.settings.Budget {
			by = "it has made the key " + last.AccessKey + ", and may still be at it"
		} else if !f.placed(*last) {
			return lines(warning(look, "the last run that left anything behind was on %s, and did not come to its end: it made the key %s, and nothing has it. A later run deletes it, and makes another", moment(at), last.AccessKey))
		}
	}
	memory := f.remembered()
	if memory.CreatedAt.After(at) {
		at, by = memory.CreatedAt, "it wrote "+f.settings.SecretPath+"/"+ledgerName
	}
	quiet := f.settings.RotateAfter + 2*f.settings.Interval
	switch {
	case at.IsZero() && f.function != nil && f.function.CreatedAt != nil && f.now.Sub(*f.function.CreatedAt) < f.settings.Interval:
		return lines(right("no run has come yet: the function is there since %s, and its cron starts the first", moment(*f.function.CreatedAt)))
	case at.IsZero():
		return lines(warning("make invoke ARGS=--run", "no run has left anything behind yet: none was, or none had anything to do"))
	case f.now.Sub(at) > quiet && f.report != nil && f.report.Found.InScope > 0:
		return lines(wrong(look, "the last run that left anything behind was on %s (%s), and each key is to be replaced every %s: runs fail, or there are none",
			moment(at), by, count(int(f.settings.RotateAfter/(24*time.Hour)), "day")))
	}
	switch success, known := ledger.Ended(memory.Description); {
	case known && !success:
		return lines(warning(look, "the last run that left anything behind was on %s: %s. Runs fail, since the one on %s at the latest", moment(at), by, moment(memory.CreatedAt)))
	case known:
		by += "; the last run was a success"
	default:
		by += "; how the last one ended is noted only where ROTATOR_NOTIFY is set"
	}
	return lines(right("the last run that left anything behind was on %s: %s", moment(at), by))
}

func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }
