package handler_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// secrets collects every secret of the emulator: keys, legacy tokens, and what
// Secret Manager holds. Keys that a run deletes are known only before it, keys
// that it makes only after; keys that it makes and deletes, only meanwhile.
type secrets map[string]string // the value, and whose it is

func (s secrets) collectKeys(f *function) {
	_, owner := f.Owner()
	s[owner] = "the owner's key"
	for _, bearer := range []string{"rotator", "checkout", "storefront", "nightly-batch", "partner-gateway", "scaleway-scheduler", "invoicing", "dana"} {
		for _, k := range f.Keys(bearer) {
			s[k.SecretKey] = "key " + k.AccessKey + " of " + bearer
		}
	}
}

func (s secrets) collect(t *testing.T, f *function) {
	t.Helper()
	s.collectKeys(f)
	for _, token := range f.Tokens() {
		s[token.JWT] = "legacy token " + token.ID
		s[token.JWT[strings.LastIndex(token.JWT, ".")+1:]] = "the signature of legacy token " + token.ID
	}
	list := f.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets?project_id="+f.Project("demo")+"&page_size=100", nil)
	for _, item := range list["secrets"].([]any) {
		id := item.(map[string]any)["id"].(string)
		version := f.Call(f.Secret, http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets/"+id+"/versions/latest_enabled/access", nil)
		if data, _ := version.Body["data"].(string); data != "" {
			s[data] = "the payload of secret " + id
		}
	}
}

// leaks returns where a secret stands in text, in whatever form: plain, without
// its dashes, in hex, in base64 of either alphabet at each of the three
// alignments, escaped as in JSON or in a URL. Letters of either case count.
func (s secrets) leaks(text string) (found []string) {
	lower := strings.ToLower(text)
	for value, whose := range s {
		for form, needle := range forms(value) {
			if strings.Contains(lower, strings.ToLower(needle)) {
				found = append(found, whose+", "+form)
			}
		}
	}
	slices.Sort(found)
	return found
}

func forms(value string) map[string]string {
	quoted, _ := json.Marshal(value) //nolint:errchkjson // a string always encodes
	out := map[string]string{
		"plain":          value,
		"JSON":           strings.Trim(string(quoted), `"`),
		"JSON, \\u":      escaped(value),
		"URL":            url.QueryEscape(value),
		"hex":            hex.EncodeToString([]byte(value)),
		"without dashes": strings.ReplaceAll(value, "-", ""),
	}
	for shift := range 3 {
		// The first and last digits depend on what stands beside the secret.
		for name, alphabet := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "URL base64": base64.RawURLEncoding} {
			text := alphabet.EncodeToString([]byte(strings.Repeat("x", shift) + value))
			out[fmt.Sprintf("%s, shifted by %d", name, shift)] = text[[]int{0, 2, 3}[shift] : len(text)-2]
		}
	}
	return out
}

func escaped(value string) string {
	var b strings.Builder
	for _, r := range value {
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return b.String()
}

func TestLeaksFindsEveryForm(t *testing.T) {
	t.Parallel()
	const value = "5ec2e700-cafe-4bad-8bad-c0ffee15dead"
	s := secrets{value: "the key"}
	for name, text := range map[string]string{
		"plain":                 "key " + value + ".",
		"in capitals":           strings.ToUpper(value),
		"a log line":            fmt.Sprintf(`{"error":%q}`, "refused: "+value),
		"hex":                   fmt.Sprintf("%x", "X-Auth-Token: "+value+"\n"),
		"base64 of a payload":   base64.StdEncoding.EncodeToString([]byte(`{"secret_key":"` + value + `"}`)),
		"base64, one more":      base64.StdEncoding.EncodeToString([]byte(`{"secret_key": "` + value + `"}`)),
		"base64, two more":      base64.URLEncoding.EncodeToString([]byte(`{"secret_key":  "` + value + `"}`)),
		"base64 by itself":      base64.StdEncoding.EncodeToString([]byte(value)),
		"without dashes":        strings.ReplaceAll(value, "-", ""),
		"escaped beyond reason": escaped(value),
	} {
		if len(s.leaks(text)) == 0 {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	if found := s.leaks("5ec2e700-cafe-4bad-8bad-c0ffee15deaf"); len(found) > 0 {
		t.Errorf("found in another key: %v", found)
	}
}

// TestNoSecretGetsOut lives through the life of a key at the debug level, with
// the function's own failures and Scaleway's, and looks for every secret in all
// that the function says.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	var (
		f     *function
		mu    sync.Mutex // of known, during a run
		known = secrets{}
	)
	f = start(t, surroundings{
		environ: []string{"ROTATOR_LOG_LEVEL=debug"},
		api: func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if matches("POST /iam/v1alpha1/api-keys", r) {
					mu.Lock()
					defer mu.Unlock()
					known.collectKeys(f)
				}
				return resp, err
			})
		},
	})
	var said strings.Builder
	// The caller's own key goes with the request, as the platform would have it.
	send := func(method, target, body string, faults ...emulator.Fault) answer {
		caller := f.Keys("storefront")
		known.collect(t, f)
		for _, fault := range faults {
			f.Arm(fault)
		}
		a := f.send(t.Context(), method, target, body, "X-Auth-Token", caller[len(caller)-1].SecretKey)
		f.Disarm()
		known.collect(t, f)
		fmt.Fprintf(&said, "%s %s %s: %d\n", method, target, body, a.status)
		for _, name := range slices.Sorted(maps.Keys(a.header)) {
			fmt.Fprintf(&said, "%s: %q\n", name, a.header[name])
		}
		said.WriteString(a.body)
		return a
	}
	must := func(a answer, status int) answer {
		t.Helper()
		if a.status != status {
			t.Fatalf("status %d, want %d:\n%s", a.status, status, a.body)
		}
		return a
	}
	must(send(http.MethodGet, "/", ""), 200)
	must(send(http.MethodPost, "/", ""), 200)
	must(send(http.MethodPost, "/?format=text", `{"force": true}`), 200)
	must(send(http.MethodPost, "/", "nonsense"), 400)
	f.Clock().Advance(8 * 24 * time.Hour)
	retired := must(send(http.MethodPost, "/", ""), 200)
	if !strings.Contains(retired.body, `"delete_key"`) {
		t.Error("no key was retired: the test does not see that part of a key's life")
	}
	// Answers that hold a secret, and come to nothing.
	const keys, versions = "/iam/v1alpha1/api-keys", "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions"
	for _, row := range []struct {
		status int
		fault  emulator.Fault
	}{
		{500, emulator.Fault{Method: http.MethodPost, Path: keys, Half: true}},
		{500, emulator.Fault{Method: http.MethodPost, Path: keys, NotJSON: true}},
		{500, emulator.Fault{Method: http.MethodPost, Path: versions, Status: 400, Body: `{"type": "invalid_arguments", "message": "no"}`}},
		{500, emulator.Fault{Method: http.MethodGet, Path: versions + "/*/access", Half: true}},
		{200, emulator.Fault{Method: http.MethodPost, Path: versions, DropAfter: true}}, // found when looked for
	} {
		must(send(http.MethodPost, "/", `{"force": true, "steps": ["rotate"]}`, row.fault), row.status)
		f.Clock().Advance(time.Hour)
	}
	if len(known) < 40 {
		t.Errorf("only %d secrets are known: the test looks for too few", len(known))
	}
	for what, text := range map[string]string{"an answer": said.String(), "the log": f.log.String()} {
		if !strings.Contains(text, f.Application("checkout")) {
			t.Errorf("%s does not name an application: the test looks in the wrong place", what)
		}
		if found := known.leaks(text); len(found) > 0 {
			t.Errorf("in %s stands:\n%s", what, strings.Join(found, "\n"))
		}
	}
	f.lines(t)
}
