package host_test

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/host"
)

func count(archive []byte) string { return strconv.Itoa(len(archive)) }

func TestABadArchiveEndsInErrorThatSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	for number, row := range []struct {
		name    string
		changes map[string]string
		raw     string // in place of an archive
		fields  map[string]any
		want    string
	}{
		{name: "not a zip", raw: "nonsense", want: "zip: not a valid zip file"},
		{name: "no go.mod", changes: map[string]string{"go.mod": ""}, want: "go.mod: not at the root of the archive"},
		{name: "go of tomorrow", changes: map[string]string{"go.mod": "module m\n\ngo 1.99\n"}, want: "go 1.99: want go 1.26.0 or less"},
		{name: "package main", changes: map[string]string{"cmd/main.go": "package main\n"}, want: "cmd/main.go: package main is the platform's own"},
		{name: "a test", changes: map[string]string{"f_test.go": "package fixture\n"}, want: "f_test.go: a test"},
		{name: "a hidden file", changes: map[string]string{".env": "A=b\n"}, want: ".env: a hidden file"},
		{name: "no handler", changes: map[string]string{"function.go": "package fixture\n"}, want: "handler Handle: in no Go file"},
		{name: "another handler", fields: map[string]any{"handler": "Serve"}, want: "handler Serve: in no Go file"},
		{name: "does not compile", changes: map[string]string{"more.go": "package fixture\n\nvar _ = undefined\n"}, want: "function/more.go:3:9: undefined: undefined"},
		{name: "asks for what it has not", changes: map[string]string{"more.go": "package fixture\n\nimport _ \"example.com/fixture/absent\"\n"}, want: "example.com/fixture/absent"},
		{name: "ends at once", fields: map[string]any{"environment_variables": map[string]string{"BROKEN": "1"}}, want: "the function ended before it listened (exit status 3)"},
		{name: "another runtime", fields: map[string]any{"runtime": "node22"}, want: "runtime node22: this host runs go126 only"},
		{name: "nothing uploaded", raw: "-", want: "internal error"},
	} {
		fields := map[string]any{"name": "f" + strconv.Itoa(number)}
		maps.Copy(fields, row.fields)
		id, url := l.function(fields)
		switch row.raw {
		case "":
			l.upload(id, zipped(t, row.changes))
		case "-":
		default:
			l.upload(id, []byte(row.raw))
		}
		l.deploy(id)
		l.Clock().Advance(time.Minute) // what no host has to do takes the emulator's time
		f := l.deployed(id)
		if message := text(f["error_message"]); f["status"] != "error" || !strings.Contains(message, row.want) {
			t.Errorf("%s: %v %q, want error and %q", row.name, f["status"], message, row.want)
		}
		if got := l.got(l.ask(url)); got.status != http.StatusServiceUnavailable {
			t.Errorf("%s: the gateway answers %v", row.name, got)
		}
		if strings.Contains(row.name, "ends") && strings.Join(l.Logs(id), "\n") != "started" {
			t.Errorf("%s: log %q", row.name, l.Logs(id))
		}
	}
}

func TestAnUploadIsTakenOnlyAsItWasAskedFor(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, _ := l.function(nil)
	path := base + "/functions/" + id + "/upload-url"
	for _, query := range []string{"", "?content_length=", "?content_length=0", "?content_length=-1", "?content_length=x", "?content_length=104857601"} {
		if got := l.Call(l.Secret, "GET", path+query, nil); got.Status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", query, got.Status, got.Text)
		}
	}
	if got := l.Call("", "GET", path+"?content_length=4", nil); got.Status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", got.Status)
	}
	to := text(l.MustCall("GET", path+"?content_length=4", nil)["url"])
	if other := text(l.MustCall("GET", path+"?content_length=4", nil)["url"]); other == to {
		t.Error("two URLs are the same")
	}
	for _, row := range []struct {
		name, url, body string
		status          int
	}{
		{"too short", to, "abc", 403},
		{"too long", to, "abcde", 403},
		{"another URL", to + "x", "abcd", 403},
		{"as asked for", to, "abcd", 200},
		{"again", to, "efgh", 200},
	} {
		if status, body := l.put(row.url, []byte(row.body)); status != row.status || (status == 403) != strings.Contains(body, "<Error><Code>") {
			t.Errorf("%s: %d %s", row.name, status, body)
		}
	}
	l.Clock().Advance(time.Hour + time.Second)
	if status, _ := l.put(to, []byte("abcd")); status != 403 {
		t.Errorf("an hour later: %d", status)
	}
	secret := to[strings.LastIndex(to, "/")+1:]
	for _, r := range l.History() {
		if strings.Contains(r.Path+r.Query, secret) {
			t.Errorf("the history tells where to upload: %s", r.Path)
		}
	}
	if !strings.HasPrefix(to, emulatortest.API+"/upload/") || len(secret) < 26 {
		t.Errorf("URL %s", to)
	}
}

// What the plugin of osls asks for beside what the SDK knows.
func TestThePluginsRoutesAreServed(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, _ := l.function(nil)
	l.function(map[string]any{"name": "other"})
	got := l.MustCall("GET", base+"/namespaces/"+l.namespace+"/functions", nil)
	if list, _ := got["functions"].([]any); len(list) != 2 || got["total_count"] != 2.0 {
		t.Errorf("functions of the namespace: %v", got)
	}
	if got := l.Call(l.Secret, "GET", base+"/namespaces/"+id+"/functions", nil); got.Status != http.StatusNotFound {
		t.Errorf("functions of nothing: %d", got.Status)
	}
	if got := l.MustCall("GET", base+"/triggers?function_id="+id, nil); got["total_count"] != 0.0 {
		t.Errorf("triggers: %v", got)
	}
}

func TestLongADeployTakesThePlaceOfOneUnderWay(t *testing.T) {
	t.Parallel()
	l := newLand(t, host.Options{})
	id, url := l.function(nil)
	l.upload(id, zipped(t, map[string]string{"more.go": "package fixture\n\nvar _ = undefined\n"}))
	l.MustCall("POST", base+"/functions/"+id+"/deploy", map[string]any{})
	l.upload(id, zipped(t, nil))
	if f := l.deploy(id); f["status"] != "ready" || f["error_message"] != nil || f["build_message"] != nil || f["ready_at"] == nil {
		t.Fatalf("the second deploy: %v", f)
	}
	came := l.ask(url)
	l.next().release()
	l.answers(came, "1")
	// A PATCH builds anew, from what was uploaded last.
	l.MustCall("PATCH", base+"/functions/"+id, map[string]any{"environment_variables": l.env("2")})
	if f := l.deployed(id); f["status"] != "ready" {
		t.Fatalf("PATCH: %v", f)
	}
	came = l.ask(url)
	l.next().release()
	l.answers(came, "2")
}
