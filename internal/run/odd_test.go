package run_test

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
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// What a consumer carries in a way that cannot be mended for it is reported, and
// its key kept.
func TestConsumerThatCannotBeMendedIsReported(t *testing.T) {
	t.Parallel()
	const secret, access = "${secret_key:" + keyA + "}", "${access_key:" + keyA + "}"
	for _, row := range []struct {
		name          string
		plain, secret map[string]string
		hint          string
	}{
		{
			name:  "an access key whose secret is in no variable",
			plain: map[string]string{"ORDERS_ACCESS_KEY": access}, secret: map[string]string{"ORDERS_PASS": "X-Auth-Token: " + secret},
			hint: "carries its access key of " + keyA + " in ORDERS_ACCESS_KEY: no secret variable was found that holds its secret key: set both by hand",
		},
		{
			name:  "a secret key in a plain variable",
			plain: map[string]string{"ORDERS_PASS": secret},
			hint:  "carries its secret key, where everybody can read it of " + keyA + " in ORDERS_PASS: make it a secret variable",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			seed := carrying(31)
			courier := &seed.Serverless[0].FunctionNamespaces[0].Functions[1]
			courier.Env, courier.SecretEnv = row.plain, row.secret
			r := startSeed(t, emulator.Options{}, seed, "ROTATOR_REGIONS=fr-par")
			auditor := r.watch(t)
			listen := r.listen()
			before := r.running(t)["courier"]
			for range 10 {
				rep := r.mustRun(t, run.Request{})
				listen.report(t, rep)
				if line := lineOf(t, rep, "courier"); line.Result != "behind" || line.Detail != row.hint {
					t.Errorf("%s: %s, want %s", line.Result, line.Detail, row.hint)
				}
				if status := r.CallAs("courier", "ORDERS_PASS", "checkout"); status != http.StatusOK && row.secret == nil {
					t.Errorf("it calls, and gets %d", status)
				}
				r.Clock().Advance(24 * time.Hour)
			}
			if diff := cmp.Diff(before, r.running(t)["courier"]); diff != "" {
				t.Errorf("it was changed (-before +after):\n%s", diff)
			}
			if !r.lives(keyA) {
				t.Errorf("the key that it carries is retired")
			}
			upright(t, auditor)
			listen.check(t)
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
			r := startSeed(t, emulator.Options{}, carrying(31), "ROTATOR_REGIONS=fr-par")
			auditor := r.watch(t)
			o := r.surroundings()
			o.API = &hashAgain{next: r.RoundTripper(), variable: "DB_TOKEN", hash: hash}
			rep, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			if said := text(t, rep); !strings.Contains(said, "kept for that: container packer, variable DB_TOKEN: ") || !strings.Contains(said, "SUCCESS") {
				t.Errorf("the report does not say what was not compared:\n%s", said)
			}
			if line := lineOf(t, rep, "packer"); line.Result != "delivered" {
				t.Errorf("the variable beside it: %s %s", line.Result, line.Detail)
			}
			r.served(t)
			upright(t, auditor)
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
			seed := carrying(31)
			seed.Applications[1].Keys = []emulator.SeedKey{minted(keyB, 40), minted(keyA, 9)}
			seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyB, 40), holds(keyA, 9))}
			r := startSeed(t, emulator.Options{}, seed)
			auditor := r.watch(t)
			r.Arm(emulator.Fault{Method: http.MethodGet, Path: what, Status: http.StatusForbidden, Times: -1})
			rep := r.run(t, run.Request{})
			if said := strings.Join(step(t, rep, run.StepRetire).Errors, "\n"); !strings.Contains(said, "key "+keyB+" is kept: it cannot be told who carries it") || !r.lives(keyB) {
				t.Errorf("%s lives: %t; the step says: %s", keyB, r.lives(keyB), said)
			}
			r.Disarm()
			if r.mustRun(t, run.Request{}); r.lives(keyB) {
				t.Errorf("%s lives on where all can be read", keyB)
			}
			upright(t, auditor)
		})
	}
}
