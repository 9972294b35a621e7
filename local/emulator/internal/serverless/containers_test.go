package serverless_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	containerv1 "github.com/scaleway/scaleway-sdk-go/api/container/v1"
	container "github.com/scaleway/scaleway-sdk-go/api/container/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// box makes a container by containers v1 and returns its path there.
func box(l *emulatortest.Land, body string) (path string, made map[string]any) {
	l.T.Helper()
	_, n := l.Raw("POST", emulatortest.ContainersBase+"/namespaces", `{"name":"test-container-token-ns"}`)
	status, made := l.Raw("POST", emulatortest.ContainersBase+"/containers", `{"name":"c","namespace_id":"`+n["id"].(string)+`",`+body+`}`)
	if status != 200 {
		l.T.Fatal(status, made)
	}
	return emulatortest.ContainersBase + "/containers/" + made["id"].(string), made
}

func TestContainerV1TakesDefaults(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	path, got := box(l, `"image":"nginx:1.29.4-alpine","port":80,"privacy":"unknown_privacy","protocol":"unknown_protocol","sandbox":"unknown_sandbox",
		"environment_variables":null,"secret_environment_variables":null,"tags":null,"command":null,"args":null`)
	n := got["namespace_id"].(string)
	if want := "https://testcontainertokenns" + n[:8] + "-c.functions.fnc.fr-par.scw.cloud"; got["public_endpoint"] != want {
		t.Errorf("public endpoint %v, want %s", got["public_endpoint"], want)
	}
	for _, made := range []string{"id", "namespace_id", "public_endpoint", "created_at", "updated_at"} {
		delete(got, made)
	}
	want := map[string]any{
		"name": "c", "description": "", "status": "creating", "min_scale": 0.0, "max_scale": 5.0, "memory_limit_bytes": 2048000000.0,
		"mvcpu_limit": 1000.0, "timeout": "300s", "privacy": "public", "image": "nginx:1.29.4-alpine", "protocol": "http1", "port": 80.0,
		"https_connections_only": false, "sandbox": "v2", "local_storage_limit_bytes": 1000000000.0,
		"scaling_option": map[string]any{"concurrent_requests_threshold": 50.0}, "tags": []any{}, "command": []any{}, "args": []any{},
		"environment_variables": map[string]any{}, "startup_probe": nil, "secret_environment_variables": map[string]any{}, "region": "fr-par",
		"liveness_probe": map[string]any{"failure_threshold": 30.0, "interval": "10s", "timeout": "1s", "tcp": map[string]any{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	l.Pass(11 * time.Second)
	_, got = l.Raw("GET", path, "")
	if got["status"] != "ready" || got["error_message"] != "" || got["updated_at"] != "2026-09-01T12:00:11Z" {
		t.Errorf("reconciled: %v %v %v", got["status"], got["error_message"], got["updated_at"])
	}
	_, got = l.Raw("PATCH", path, `{"https_connection_only":true}`)
	if _, there := got["error_message"]; there || got["status"] != "updating" || got["https_connections_only"] != true {
		t.Errorf("changed: %v", got)
	}
}

func TestContainersEndInErrorAsTheirImagesDo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, body, problem string
		wait                time.Duration
	}{
		{"it ends", `"image":"hello-world:latest"`, "Container is unable to start OR is not listening on port 8080", 300 * time.Second},
		{"another port", `"image":"nginx:latest","port":5000`, "Container is unable to start OR is not listening on port 5000", 300 * time.Second},
		{
			"no such path", `"image":"nginx:latest","port":80,"liveness_probe":{"failure_threshold":40,"interval":"12s","timeout":"1s","http":{"path":"/test"}}`,
			"Container is unable to start OR does not respond to HTTP requests on port 80 and path /test", 480 * time.Second,
		},
	} {
		l := emulatortest.NewLand(t, emulator.Options{})
		path, _ := box(l, row.body)
		l.Pass(row.wait - time.Second)
		if _, got := l.Raw("GET", path, ""); got["status"] != "creating" {
			t.Errorf("%s: %v too early", row.name, got["status"])
		}
		l.Pass(time.Second)
		if _, got := l.Raw("GET", path, ""); got["status"] != "error" || got["error_message"] != row.problem {
			t.Errorf("%s: %v %v", row.name, got["status"], got["error_message"])
		}
	}
}

func TestContainerOfV1beta1WithoutImageFindsNone(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	_, n := l.Raw("POST", emulatortest.ContainersOldest+"/namespaces", `{"name":"n"}`)
	_, got := l.Raw("POST", emulatortest.ContainersOldest+"/containers", `{"name":"c","namespace_id":"`+n["id"].(string)+`"}`)
	path := emulatortest.ContainersOldest + "/containers/" + got["id"].(string)
	if got["status"] != "created" {
		t.Errorf("at first: %v", got["status"])
	}
	l.Raw("POST", path+"/deploy", "{}")
	l.Pass(time.Minute)
	if _, got = l.Raw("GET", path, ""); got["status"] != "error" || got["error_message"] != "Image was not found in container registry." {
		t.Errorf("deployed: %v %v", got["status"], got["error_message"])
	}
	if _, got = l.Raw("PATCH", path, `{"registry_image":"nginx:latest","port":80}`); got["status"] != "pending" || got["error_message"] != nil {
		t.Errorf("with an image: %v %v", got["status"], got["error_message"])
	}
	l.Pass(time.Minute)
	if _, got = l.Raw("GET", path, ""); got["status"] != "ready" || got["ready_at"] == nil {
		t.Errorf("with an image, later: %v %v", got["status"], got["ready_at"])
	}
}

func TestSecretVariablesOfV1AreReplaced(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1024})
	path, made := box(l, `"image":"x","secret_environment_variables":{"A":"one","B":"two"}`)
	first := made["secret_environment_variables"].(map[string]any)
	checkHashOf(t, first["A"].(string), "one", 1024, 3, 64)
	for _, row := range []struct {
		name, patch string
		want        map[string]bool // is the hash what it was at first?
	}{
		{"absent touches nothing", `{"description":"d"}`, map[string]bool{"A": true, "B": true}},
		{"empty keeps, a value is set anew", `{"secret_environment_variables":{"A":"","B":"two"}}`, map[string]bool{"A": true, "B": false}},
		{"left out is deleted", `{"secret_environment_variables":{"A":"","C":"three"}}`, map[string]bool{"A": true, "C": false}},
		{"nothing to keep", `{"secret_environment_variables":{"A":"","D":""}}`, map[string]bool{"A": true}},
		{"none", `{"secret_environment_variables":{}}`, map[string]bool{}},
	} {
		_, got := l.Raw("PATCH", path, row.patch)
		same := map[string]bool{}
		for key, hash := range got["secret_environment_variables"].(map[string]any) {
			same[key] = hash == first[key]
		}
		if diff := cmp.Diff(row.want, same); diff != "" {
			t.Errorf("%s: %s", row.name, diff)
		}
	}
}

func TestBothContainerAPIsShowTheSameContainer(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	path, made := box(l, `"image":"x","privacy":"private","memory_limit_bytes":256000000,"secret_environment_variables":{"A":"one"}`)
	id := made["id"].(string)
	old := container.NewAPI(l.Client)
	seen := emulatortest.Must(old.GetContainer(&container.GetContainerRequest{ContainerID: id}))(t)
	if seen.Status != container.ContainerStatusPending || seen.MemoryLimit != 256 || "https://"+seen.DomainName != made["public_endpoint"] ||
		seen.Privacy != container.ContainerPrivacyPrivate {
		t.Errorf("v1beta1 sees %+v", seen)
	}
	checkHash(t, seen.SecretEnvironmentVariables[0].HashedValue, "one", 1, 2)
	l.Pass(time.Minute)
	emulatortest.Must(old.UpdateContainer(&container.UpdateContainerRequest{ContainerID: id, HTTPOption: container.ContainerHTTPOptionRedirected}))(t)
	if _, now := l.Raw("GET", path, ""); now["status"] != "updating" || now["https_connections_only"] != true {
		t.Errorf("v1 sees %v", now)
	}
	if _, err := old.GetContainer(&container.GetContainerRequest{ContainerID: "none"}); emulatortest.StatusOf(err) != 404 || !strings.Contains(err.Error(), "Container was not found") {
		t.Errorf("v1beta1: %v", err)
	}
	var missing *scw.ResourceNotFoundError
	_, err := containerv1.NewAPI(l.Client).GetContainer(&containerv1.GetContainerRequest{ContainerID: "none"})
	if !errors.As(err, &missing) || missing.Resource != "container" || missing.ResourceID != "none" {
		t.Errorf("v1: %v", err)
	}
}

func TestContainersOfAProjectAreListedByV1(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	if err := l.Load(emulator.Seed{Projects: []emulator.SeedProject{{Name: "other"}}}); err != nil {
		t.Fatal(err)
	}
	api := containerv1.NewAPI(l.Client)
	for name, want := range map[string]int{"default": 1, "other": 0} {
		project := l.Project(name)
		got := emulatortest.Must(api.ListContainers(&containerv1.ListContainersRequest{ProjectID: &project}, scw.WithAllPages()))(t)
		if len(got.Containers) != want || int(got.TotalCount) != want {
			t.Errorf("%s: %d containers, total %d, want %d", name, len(got.Containers), got.TotalCount, want)
		}
	}
}

func TestDomainsOfContainersV1(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	api := containerv1.NewAPI(l.Client)
	end := l.MustEndpoint("shop")
	d := emulatortest.Must(api.CreateDomain(&containerv1.CreateDomainRequest{ContainerID: end.ID, Hostname: "shop.example.com"}))(t)
	if d.Status != containerv1.DomainStatusCreating || d.ErrorMessage != nil {
		t.Errorf("at once: %+v", d)
	}
	l.Pass(12 * time.Second)
	project := l.Project("default")
	for name, req := range map[string]*containerv1.ListDomainsRequest{
		"by container": {ContainerID: &end.ID}, "by project": {ProjectID: &project}, "all": {},
	} {
		got := emulatortest.Must(api.ListDomains(req))(t).Domains
		if len(got) != 1 || got[0].Status != containerv1.DomainStatusReady || got[0].ErrorMessage == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got, _, _ := l.Visit("https://shop.example.com/health", l.JWT("shop", "shop")); got != 200 {
		t.Errorf("by its custom domain: %d", got)
	}
}

func TestTokensOfTheTwoProductsAreApart(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	of := map[string]string{}
	for _, token := range l.Tokens() {
		of[token.Product] = token.ID
	}
	for _, row := range []struct{ path, message string }{
		{emulatortest.ContainersOldest + "/tokens/" + of["functions"], "Container was not found"},
		{emulatortest.FunctionsBase + "/tokens/" + of["containers"], "Function was not found"},
		{emulatortest.ContainersOldest + "/tokens/none", "Token was not found"},
	} {
		if status, got := l.Raw("DELETE", row.path, ""); status != 404 || got["message"] != row.message {
			t.Errorf("%s: %d %v, want %s", row.path, status, got, row.message)
		}
	}
}

func TestDeletingANamespaceTakesAllThatIsInIt(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{}, emulatortest.Place())
	_, list := l.Raw("GET", emulatortest.ContainersBase+"/namespaces?name=box-ns", "")
	id := list["namespaces"].([]any)[0].(map[string]any)["id"].(string)
	if status, got := l.Raw("DELETE", emulatortest.ContainersBase+"/namespaces/"+id, ""); status != 200 || got["status"] != "deleting" {
		t.Errorf("%d %v", status, got)
	}
	if _, got := l.Raw("GET", emulatortest.ContainersBase+"/containers/"+l.MustEndpoint("shop").ID, ""); got["status"] != "deleting" {
		t.Errorf("its container: %v", got)
	}
	if status, got := l.Raw("PATCH", emulatortest.ContainersBase+"/containers/"+l.MustEndpoint("shop").ID, `{}`); status != 409 || got["type"] != "transient_state" {
		t.Errorf("a change meanwhile: %d %v", status, got)
	}
	l.Pass(5 * time.Second)
	if status, got := l.Raw("GET", emulatortest.ContainersBase+"/namespaces/"+id, ""); status != 404 || got["type"] != "not_found" {
		t.Errorf("%d %v", status, got)
	}
	for _, token := range l.Tokens() {
		if token.Product == "containers" {
			t.Errorf("left: %+v", token)
		}
	}
	if _, there := l.Endpoint("shop"); there {
		t.Error("the container is still there")
	}
}

func TestPublicEndpointCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{})
	path, made := box(l, `"image":"x"`)
	if _, there := made["default_public_endpoint_enabled"]; there {
		t.Error("shown though nobody set it")
	}
	l.Pass(time.Minute)
	_, got := l.Raw("PATCH", path, `{"enable_default_public_endpoint":false}`)
	if got["default_public_endpoint_enabled"] != false {
		t.Errorf("%v", got["default_public_endpoint_enabled"])
	}
	l.Pass(time.Minute)
	if status, _, _ := l.Visit(made["public_endpoint"].(string), ""); status != 404 {
		t.Errorf("switched off: %d", status)
	}
}
