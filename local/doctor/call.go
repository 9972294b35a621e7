package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/printable"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/version"
)

// answers are what the deployed function says when it is called, first without a key
// and then, if that was refused, with the caller's. A GET is a dry run.
type answers struct {
	bare, keyed answer
}

// answer is one. A status of 0 is none.
type answer struct {
	status int
	err    error          // why there is none
	report *report.Report // of a run; nil: it is something else
	whole  bool           // the report is not in short
	refusal
}

// refusal is what the function answers where it does no run.
type refusal struct {
	Error string `json:"error"`
	Hint  string `json:"hint"`
}

const (
	callPatience = 3 * time.Minute // a dry run asks all endpoints
	answerMax    = 6 << 20
)

// call asks the function, where it is there and private.
func (f *facts) call(ctx context.Context, o Options) {
	fn := f.function
	if fn == nil || fn.Status != functions.FunctionStatusReady || fn.Privacy != functions.FunctionPrivacyPrivate || fn.DomainName == "" {
		return
	}
	f.called = &answers{bare: ask(ctx, o.Endpoints, fn.DomainName, nil)}
	if !f.called.bare.refused() {
		return // who lets in anybody may keep the key
	}
	headers := map[string]string{"X-Auth-Token": environment(o.Caller)["SECRET_KEY"]}
	if o.ControlSecret != "" {
		headers[handler.ControlHeader] = o.ControlSecret
	}
	f.called.keyed = ask(ctx, o.Endpoints, fn.DomainName, headers)
	if again := f.called.keyed; again.status == http.StatusForbidden && again.Hint != "" && o.ControlSecret != "" {
		delete(headers, handler.ControlHeader) // not its own: it says so, and does no run
		f.called.keyed = ask(ctx, o.Endpoints, fn.DomainName, headers)
		f.called.keyed.refusal = again.refusal
	}
}

// ask sends one GET, over HTTPS, and follows no redirect: it has a key.
func ask(ctx context.Context, transport http.RoundTripper, host string, headers map[string]string) (a answer) {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/?format=json", nil)
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("User-Agent", version.UserAgent)
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		if said, ok := errors.AsType[*url.Error](err); ok {
			err = said.Err
		}
		return answer{err: err}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerMax))
	if err != nil {
		return answer{err: err}
	}
	a.status = res.StatusCode
	_ = json.Unmarshal(text, &a.refusal) // the gateway's may be no JSON
	var r report.Report
	if json.Unmarshal(text, &r) == nil && r.RunID != "" && r.Outcome != "" {
		a.report, a.whole = &r, r.Version != ""
	}
	return a
}

func (a answer) refused() bool {
	return a.status == http.StatusUnauthorized || a.status == http.StatusForbidden
}

// entrance tells whom the function lets in.
func entrance(f *facts) []Line {
	if f.called == nil {
		return nil
	}
	host := f.function.DomainName
	switch bare := f.called.bare; {
	case bare.err != nil:
		return lines(wrong("curl -sS https://"+host+", then again", "a call to it has no answer: %s", report.Line(bare.err.Error())))
	case !bare.refused():
		return lines(wrong("look at its privacy in the console, then "+makeDeploy, "a caller without a key gets %d, and should be refused", bare.status))
	}
	out := lines(right("a caller without a key is refused (%d)", f.called.bare.status))
	keyed, key := f.called.keyed, printable.Unkeyed(f.caller)
	switch {
	case keyed.err != nil:
		return append(out, wrong("make invoke", "a call with the key %s of your profile has no answer: %s", key, report.Line(keyed.err.Error())))
	case keyed.report == nil && keyed.status == http.StatusConflict && keyed.Hint != "":
		return append(out, right("an IAM key is let in (%s of your profile)", key), warning("wait for its end, then again", "a run is in progress, so it does no dry run"))
	case keyed.report == nil && keyed.status == http.StatusInternalServerError && keyed.Hint != "":
		return append(out, right("an IAM key is let in (%s of your profile)", key), wrong(makeDeploy, "it does no run: %s (%s)", keyed.Error, keyed.Hint))
	case keyed.report == nil && keyed.refused():
		return append(out, warning("have FunctionsPrivateAccess on the project, or name another profile: go run ./local doctor --profile NAME",
			"the key %s of your profile is refused, too (%d): whether any is let in is not known", key, keyed.status))
	case keyed.report == nil:
		return append(out, wrong("make invoke, and look at the function's log", "a call with the key %s of your profile is answered %d, and not by a report", key, keyed.status))
	}
	out = append(out, right("an IAM key is let in (%s of your profile)", key))
	if keyed.Error != "" {
		out = append(out, warning("make deploy, or put the right one into .env", "the ROTATOR_CONTROL_SECRET of .env is not the function's: it shows no whole report, revokes nothing and rolls nothing back"))
	}
	return append(out, f.itself()...)
}

// itself is what the function's own dry run says of the function.
func (f *facts) itself() (out []Line) {
	said := f.called.keyed
	switch {
	case !said.whole:
		out = append(out, right("which release it is its whole reports say, for which ROTATOR_CONTROL_SECRET is needed; the one here is %s", version.Version))
	case said.report.Version != version.Version:
		out = append(out, warning(makeDeploy, "it is release %s, and the one here is %s", said.report.Version, version.Version))
	default:
		out = append(out, right("it is release %s, as the one here", version.Version))
	}
	if said.report.Outcome == report.Success {
		return append(out, right("a dry run of its own ends in %s", said.report.Outcome))
	}
	why := "its whole report says why"
	for _, step := range said.report.Steps {
		if len(step.Errors) > 0 {
			why = fmt.Sprintf("step %s: %s", step.Name, step.Errors[0])
			if more := len(step.Errors) - 1; more > 0 {
				why += fmt.Sprintf(", and %d more", more)
			}
			break
		}
	}
	return append(out, wrong("make invoke", "a dry run of its own ends in %s: %s", said.report.Outcome, why))
}

// own reports tell what the function's rights came to, where it gave a whole one.
func (f *facts) ownReport() *report.Report {
	if f.called == nil || !f.called.keyed.whole {
		return nil
	}
	return f.called.keyed.report
}

// refusedFor is what the function's own dry run says of a permission set that it was
// refused for want of; "": nothing.
func (f *facts) refusedFor(set string) string {
	if r := f.ownReport(); r != nil {
		for _, step := range r.Steps {
			for _, line := range step.Errors {
				if strings.Contains(line, "needs the permission set "+set+")") {
					return line
				}
			}
		}
	}
	return ""
}

// used tells whether its own dry run has called with a permission set: to read
// everything it needs four of them.
func (f *facts) used(set string) bool {
	r := f.ownReport()
	if r == nil || len(r.Steps) == 0 || r.Steps[0].Outcome != report.Success {
		return false
	}
	switch set {
	case "IAMReadOnly", "FunctionsFullAccess", "ContainersFullAccess", "SecretManagerReadOnly":
		return true
	case "SecretManagerSecretAccess": // the checking keys are published ones
		return len(r.CheckingKeys) > 0
	}
	return false
}
