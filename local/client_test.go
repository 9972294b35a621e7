package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	function "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	secret "github.com/scaleway/scaleway-sdk-go/api/secret/v1beta1"
	"github.com/scaleway/scaleway-sdk-go/scw"
)

// sdkClient is a program of somebody else, for scripts: Scaleway's SDK and
// Go's HTTP client, which know of the emulator by the environment alone.
//
//	sdk list                   applications, functions and secrets
//	sdk mint APPLICATION-ID    a new key; prints its secret
//	sdk get URL SECRET         a request to an endpoint; prints the status
func sdkClient() {
	if err := playClient(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "sdk:", err)
		os.Exit(1)
	}
}

func playClient(command string, args []string) error {
	client, err := scw.NewClient(scw.WithEnv())
	if err != nil {
		return err
	}
	switch command {
	case "list":
		return listAll(client)
	case "mint":
		key, err := iam.NewAPI(client).CreateAPIKey(&iam.CreateAPIKeyRequest{ApplicationID: &args[0], Description: "a caller"})
		if err != nil {
			return err
		}
		fmt.Println(*key.SecretKey)
		return nil
	default:
		req, err := http.NewRequest(http.MethodGet, args[0], nil) //nolint:noctx // a program of one request
		if err != nil {
			return err
		}
		req.Header.Set("X-Auth-Token", args[1])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(resp.StatusCode, string(body))
		return err
	}
}

func listAll(client *scw.Client) error {
	apps, err := iam.NewAPI(client).ListApplications(&iam.ListApplicationsRequest{}, scw.WithAllPages())
	if err != nil {
		return err
	}
	for _, a := range apps.Applications {
		fmt.Println("application", a.Name, a.ID)
	}
	project, _ := client.GetDefaultProjectID()
	functions, err := function.NewAPI(client).ListFunctions(&function.ListFunctionsRequest{ProjectID: &project}, scw.WithAllPages())
	if err != nil {
		return err
	}
	for _, f := range functions.Functions {
		fmt.Println("function", f.Name, f.DomainName, f.Privacy)
	}
	secrets, err := secret.NewAPI(client).ListSecrets(&secret.ListSecretsRequest{ProjectID: &project}, scw.WithAllPages())
	if err != nil {
		return err
	}
	for _, s := range secrets.Secrets {
		fmt.Println("secret", s.Name)
	}
	return nil
}
