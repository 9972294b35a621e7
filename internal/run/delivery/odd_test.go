package delivery_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// What a consumer carries in a way that cannot be mended for it is reported, and
// its key kept.
func TestConsumerThatCannotBeMendedIsReported(t *testing.T) {
	t.Parallel()
	const secret, access = "${secret_key:" + runtest.KeyA + "}", "${access_key:" + runtest.KeyA + "}"
	for _, row := range []struct {
		name          string
		plain, secret map[string]string
		hint          string
	}{
		{
			name:  "an access key whose secret is in no variable",
			plain: map[string]string{"ORDERS_ACCESS_KEY": access}, secret: map[string]string{"ORDERS_PASS": "X-Auth-Token: " + secret},
			hint: "carries its access key of " + runtest.KeyA + " in ORDERS_ACCESS_KEY: no secret variable was found that holds its secret key: set both by hand",
		},
		{
			name:  "a secret key in a plain variable",
			plain: map[string]string{"ORDERS_PASS": secret},
			hint:  "carries its secret key, where everybody can read it of " + runtest.KeyA + " in ORDERS_PASS: make it a secret variable",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Carrying(31)
			courier := &seed.Serverless[0].FunctionNamespaces[0].Functions[1]
			courier.Env, courier.SecretEnv = row.plain, row.secret
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_REGIONS=fr-par")
			auditor := r.Watch(t)
			listen := r.Listen()
			before := r.SeenByCallers(t)["courier"]
			for range 10 {
				rep := r.MustRun(t, run.Request{})
				listen.Report(t, rep)
				if line := lineOf(t, rep, "courier"); line.Result != "behind" || line.Detail != row.hint {
					t.Errorf("%s: %s, want %s", line.Result, line.Detail, row.hint)
				}
				if status := r.CallAs("courier", "ORDERS_PASS", "checkout"); status != http.StatusOK && row.secret == nil {
					t.Errorf("it calls, and gets %d", status)
				}
				r.Clock().Advance(24 * time.Hour)
			}
			if diff := cmp.Diff(before, r.SeenByCallers(t)["courier"]); diff != "" {
				t.Errorf("it was changed (-before +after):\n%s", diff)
			}
			if !r.Lives(runtest.KeyA) {
				t.Errorf("the key that it carries is retired")
			}
			runtest.Upright(t, auditor)
			listen.Check(t)
		})
	}
}

// hashAgain has lists show another hash of every secret variable of one name.
type hashAgain struct {
	next     http.RoundTripper
	variable string
	hash     string
}

func (h *hashAgain) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	of := regexp.MustCompile(`("` + h.variable + `"(?:,"hashed_value")?:")\$argon2id\$[^"]*"`)
	body = of.ReplaceAll(body, []byte("${1}"+strings.ReplaceAll(h.hash, "$", "$$")+`"`))
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

func TestHashThatAsksForTooMuchIsReportedAndStopsNothing(t *testing.T) {
	t.Parallel()
	const rest = "$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
	for name, hash := range map[string]string{
		"memory":   "$argon2id$v=19$m=68719476736,t=1,p=4" + rest,
		"time":     "$argon2id$v=19$m=65536,t=68719476736,p=4" + rest,
		"no parts": "$argon2id$garbage",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(31), "ROTATOR_REGIONS=fr-par")
			auditor := r.Watch(t)
			o := r.Surroundings()
			o.API = &hashAgain{next: r.RoundTripper(), variable: "DB_TOKEN", hash: hash}
			rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			if said := runtest.Text(t, rep); !strings.Contains(said, "kept for that: container packer, variable DB_TOKEN: ") || !strings.Contains(said, "SUCCESS") {
				t.Errorf("the report does not say what was not compared:\n%s", said)
			}
			if line := lineOf(t, rep, "packer"); line.Result != "delivered" {
				t.Errorf("the variable beside it: %s %s", line.Result, line.Detail)
			}
			r.Served(t)
			runtest.Upright(t, auditor)
		})
	}
}

// Who carries a key in a region that cannot be read, nobody can tell.
func TestNoKeyIsRetiredWhileARegionCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, what := range []string{
		"/functions/v1beta1/regions/nl-ams/namespaces", "/containers/v1/regions/pl-waw/namespaces",
		"/functions/v1beta1/regions/fr-par/functions", "/containers/v1/regions/fr-par/containers",
	} {
		t.Run(strings.ReplaceAll(what[1:], "/", " "), func(t *testing.T) {
			t.Parallel()
			seed := runtest.Carrying(31)
			seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyB, 40), runtest.Minted(runtest.KeyA, 9)}
			seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyB, 40), runtest.Holds(runtest.KeyA, 9))}
			r := runtest.StartSeed(t, emulator.Options{}, seed)
			auditor := r.Watch(t)
			r.Arm(emulator.Fault{Method: http.MethodGet, Path: what, Status: http.StatusForbidden, Times: -1})
			rep := r.Run(t, run.Request{})
			if said := strings.Join(runtest.Step(t, rep, run.StepRetire).Errors, "\n"); !strings.Contains(said, "key "+runtest.KeyB+" is kept: it cannot be told who carries it") || !r.Lives(runtest.KeyB) {
				t.Errorf("%s lives: %t; the step says: %s", runtest.KeyB, r.Lives(runtest.KeyB), said)
			}
			r.Disarm()
			if r.MustRun(t, run.Request{}); r.Lives(runtest.KeyB) {
				t.Errorf("%s lives on where all can be read", runtest.KeyB)
			}
			runtest.Upright(t, auditor)
		})
	}
}
