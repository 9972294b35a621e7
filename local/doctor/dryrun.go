package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
)

// plain are the function's settings as they are deployed, or as they would be.
func (f *facts) plain() map[string]string {
	if f.function != nil {
		return f.function.EnvironmentVariables
	}
	return f.manifest.Function.Env
}

// configure reads the settings as the function does. Its secrets cannot be read:
// those of the caller stand in their place.
func (f *facts) configure(caller []string) {
	is := environment(caller)
	plain := maps.Clone(f.plain())
	if plain == nil {
		plain = map[string]string{}
	}
	maps.DeleteFunc(plain, func(name, _ string) bool { return secretSetting(name) })
	plain[config.Prefix+"SECRET_KEY"] = is["SECRET_KEY"]
	if f.settings, f.refused = config.Read(list(plain)); f.refused != nil {
		defaults := map[string]string{}
		for name, value := range f.manifest.Function.Env {
			if strings.HasPrefix(name, config.Prefix) {
				defaults[name] = value
			}
		}
		maps.Copy(defaults, asVariables(is))
		f.settings, _ = config.Read(list(defaults)) // of .env: the deployed ones are what is judged
	}
}

func asVariables(is map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range is {
		out[config.Prefix+name] = value
	}
	return out
}

func list(vars map[string]string) []string {
	out := make([]string, 0, len(vars))
	for name, value := range vars {
		out = append(out, name+"="+value)
	}
	return out
}

func secretSetting(name string) bool {
	return name == config.Prefix+"SECRET_KEY" || name == config.Prefix+"CONTROL_SECRET"
}

// dryRun does one in this process, as go run ./local run --live does, with the
// function's settings and the caller's key. It goes under the access key of the
// function, of which nothing is sent: so the run knows which function and which
// application are its own. What becomes of its key is left out: its secret is not
// known here.
func (f *facts) dryRun(ctx context.Context, o Options) {
	const control = "the doctor asks this of itself, in its own process"
	var environ []string
	for name, value := range f.plain() {
		if strings.HasPrefix(name, config.Prefix) && !secretSetting(name) {
			environ = append(environ, name+"="+value)
		}
	}
	secret := strings.ReplaceAll(control, " ", "-")
	environ = append(environ, o.Caller...)
	if own := f.ownKey(); own != nil {
		environ = append(environ, config.Prefix+"ACCESS_KEY="+own.AccessKey)
	}
	environ = append(environ, config.Prefix+"CONTROL_SECRET="+secret)
	function := handler.New(environ, io.Discard, handler.Options{API: o.API, Endpoints: o.Endpoints, Clock: o.Clock})
	body := `{"dry_run": true, "steps": ["rotate", "deliver", "check", "purge", "retire"]}`
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/?format=json&full=1", strings.NewReader(body))
	req.Header.Set(handler.ControlHeader, secret)
	answer := httptest.NewRecorder()
	function.ServeHTTP(answer, req)
	var refusal struct{ Error string }
	text := answer.Body.Bytes()
	if json.Unmarshal(text, &refusal) == nil && refusal.Error != "" {
		f.runErr = errors.New(refusal.Error)
		return
	}
	f.report = &report.Report{}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(f.report); err != nil {
		f.report, f.runErr = nil, err
	}
}
