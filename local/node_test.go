package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/local/manifest"
)

// fakeNode stands in the place of Node with osls: it does what these do to the API,
// as little as a deployment needs. What the real ones do is tested with them, in
// local/deploy. Where EMULATOR_CONTROL_URL is set, it moves the clock on in the
// place of waiting.
func fakeNode() {
	if os.Args[1] == "--version" {
		fmt.Println("v20.0.0")
		return
	}
	if os.Args[1] != filepath.Join("node_modules", "osls", "bin", "serverless.js") {
		panic(os.Args)
	}
	o, err := newOsls()
	if err == nil {
		err = o.do(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "osls:", err)
		os.Exit(1)
	}
}

type osls struct {
	api     *function.API
	project string
	manifest.Service
}

func newOsls() (*osls, error) {
	env, err := manifest.Environment(".", os.Environ())
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("serverless.yml")
	if err != nil {
		return nil, err
	}
	s, err := manifest.Parse(text, env)
	if err != nil {
		return nil, err
	}
	client, err := scw.NewClient(
		scw.WithAPIURL(env["SCW_API_URL"]), scw.WithAuth("SCWDEPLOYER000000000", env["SCW_SECRET_KEY"]), scw.WithDefaultRegion(scw.Region(s.Region)),
	)
	return &osls{function.NewAPI(client), env["SCW_DEFAULT_PROJECT_ID"], s}, err
}

func (o *osls) do(command string) error {
	list, err := o.api.ListNamespaces(&function.ListNamespacesRequest{Name: &o.Name, ProjectID: &o.project})
	if err != nil {
		return err
	}
	id := ""
	for _, n := range list.Namespaces {
		id = n.ID
	}
	switch {
	case command == "remove":
		fmt.Println("Removing namespace")
		_, err := o.api.DeleteNamespace(&function.DeleteNamespaceRequest{NamespaceID: id})
		return err
	case id == "":
		made, err := o.api.CreateNamespace(&function.CreateNamespaceRequest{Name: o.Name, ProjectID: o.project})
		if err != nil {
			return err
		}
		id = made.ID
	}
	fmt.Println("Deploying Functions with", os.Getenv("SCW_SECRET_KEY")) // the plugin has printed it, too
	retry := time.Millisecond
	if err := o.later(); err != nil {
		return err
	}
	if _, err := o.api.WaitForNamespace(&function.WaitForNamespaceRequest{NamespaceID: id, RetryInterval: &retry}); err != nil {
		return err
	}
	return o.deploy(id)
}

func (o *osls) deploy(namespace string) error {
	there, err := o.api.ListFunctions(&function.ListFunctionsRequest{NamespaceID: namespace})
	if err != nil {
		return err
	}
	f := o.Function
	var secrets []*function.Secret
	for name, value := range f.Secret {
		if name != os.Getenv("ROTATOR_DEPLOY_KEEPS") {
			secrets = append(secrets, &function.Secret{Key: name, Value: &value})
		}
	}
	var is *function.Function
	if len(there.Functions) == 0 {
		is, err = o.api.CreateFunction(&function.CreateFunctionRequest{
			Name: f.Name, NamespaceID: namespace, Runtime: function.FunctionRuntime(o.Runtime), Handler: &f.Handler, Privacy: function.FunctionPrivacy(f.Privacy),
			HTTPOption: function.FunctionHTTPOption(f.HTTP), EnvironmentVariables: &f.Env, SecretEnvironmentVariables: secrets,
		})
	} else {
		is, err = o.api.UpdateFunction(&function.UpdateFunctionRequest{
			FunctionID: there.Functions[0].ID, EnvironmentVariables: &f.Env, SecretEnvironmentVariables: secrets,
		})
	}
	if err != nil {
		return err
	}
	code := "code"
	at, err := o.api.GetFunctionUploadURL(&function.GetFunctionUploadURLRequest{FunctionID: is.ID, ContentLength: uint64(len(code))})
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPut, at.URL, strings.NewReader(code)) //nolint:noctx // a program that does one thing
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	if _, err := o.api.DeployFunction(&function.DeployFunctionRequest{FunctionID: is.ID}); err != nil {
		return errors.Join(err, resp.Body.Close())
	}
	retry := time.Millisecond
	if err := errors.Join(resp.Body.Close(), o.later()); err != nil {
		return err
	}
	if _, err := o.api.WaitForFunction(&function.WaitForFunctionRequest{FunctionID: is.ID, RetryInterval: &retry}); err != nil {
		return err
	}
	crons, err := o.api.ListCrons(&function.ListCronsRequest{FunctionID: is.ID})
	if err == nil && len(crons.Crons) == 0 {
		_, err = o.api.CreateCron(&function.CreateCronRequest{FunctionID: is.ID, Schedule: f.Events[0].Schedule.Rate, Args: &scw.JSONObject{}})
	}
	return err
}

// later is when the API has done what it was asked for.
func (o *osls) later() error {
	control := os.Getenv("EMULATOR_CONTROL_URL")
	if control == "" {
		return nil
	}
	req, err := http.NewRequest(http.MethodPost, control+"/clock", strings.NewReader(`{"advance": "10m"}`)) //nolint:noctx // as above
	if err != nil {
		return err
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
