package deploy

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	region      = "fr-par"
	projectID   = "0a1b2c3d-0000-4000-8000-000000000001"
	deployerUID = "11111111-aaaa-4aaa-8aaa-aaaaaaaaaaaa" // secret keys
	ownUID      = "22222222-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
	ownAccess   = "SCWAAAAAAAAAAAAAAAAA"
)

// stub is as much of the functions API as a deploy needs, with the real one's paths and answers.
type stub struct {
	t   *testing.T
	url string

	mu         sync.Mutex
	namespaces []object
	functions  []object
	crons      []object
	domains    []object
	upload     []byte
	requests   []string            // "METHOD path", without what stands before the resource
	looks      int                 // at a namespace
	pending    func(look int) bool // whether this look, from 1 on, finds it pending; nil: never
	faults     map[string]answer   // by request
	keyStatus  int                 // what the function's own key gets; 0: 200
}

type object = map[string]any

type answer struct {
	status int
	kind   string // Content-Type
	body   string
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{t: t, faults: map[string]answer{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	path := strings.TrimPrefix(r.URL.Path, "/functions/v1beta1/regions/"+region+"/")
	request := r.Method + " " + path
	s.requests = append(s.requests, request)
	if fault, ok := s.faults[request]; ok {
		w.Header().Set("Content-Type", fault.kind)
		w.WriteHeader(fault.status)
		fmt.Fprint(w, fault.body)
		return
	}
	var sent object
	if path != "/upload" && len(body) > 0 {
		if err := json.Unmarshal(body, &sent); err != nil {
			s.t.Errorf("%s: %v", request, err)
		}
	}
	switch name, id, _ := strings.Cut(path, "/"); {
	case path == "/upload":
		if got := r.Header.Get("X-Auth-Token"); got != "" {
			s.t.Error("the upload carries the key")
		}
		s.upload = body
	case path == "/metadata":
		reply(w, object{"platform": "external", "partition": "scw", "domain": "scw.eu"})
	case strings.HasPrefix(path, "/iam/v1alpha1/api-keys/"):
		token := r.Header.Get("X-Auth-Token")
		if token != ownUID && token != deployerUID {
			s.t.Errorf("%s: with a key that nobody gave", request)
		}
		if s.keyStatus != 0 && token == ownUID {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(s.keyStatus)
			fmt.Fprint(w, `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`)
			return
		}
		reply(w, object{"access_key": ownAccess, "application_id": "app"})
	case r.Header.Get("X-Auth-Token") != deployerUID:
		s.t.Errorf("%s: without the deployer's key", request)
		w.WriteHeader(http.StatusUnauthorized)
	case path == "/secret-manager/v1beta1/regions/"+region+"/secrets":
		reply(w, object{"secrets": []object{}, "total_count": 0})
	case request == "GET namespaces":
		list := []object{}
		for _, namespace := range s.namespaces {
			if want := r.URL.Query().Get("name"); want == "" || namespace["name"] == want {
				list = append(list, s.status(namespace))
			}
		}
		reply(w, object{"namespaces": list, "total_count": len(list)})
	case request == "PATCH namespaces/ns":
		reply(w, s.namespaces[0])
	case request == "POST namespaces":
		sent["id"], sent["status"] = "ns", "ready"
		s.namespaces = append(s.namespaces, sent)
		reply(w, sent)
	case request == "GET functions", request == "GET namespaces/ns/functions":
		reply(w, object{"functions": append([]object{}, s.functions...), "total_count": len(s.functions)})
	case name == "namespaces" && r.Method == http.MethodGet:
		for _, namespace := range s.namespaces {
			if namespace["id"] == id {
				reply(w, s.status(namespace))
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"message":"Namespace was not found"}`)
	case name == "namespaces" && r.Method == http.MethodDelete:
		s.namespaces = nil
		reply(w, object{"status": "deleting"})
	case request == "POST functions":
		sent["id"], sent["status"], sent["domain_name"] = "fn", "created", "scwkeyrotator-rotator.functions.fnc.fr-par.scw.cloud"
		sent["secret_environment_variables"] = []object{{"key": ownSecretKey, "hashed_value": hash}}
		s.functions = append(s.functions, sent)
		reply(w, sent)
	case request == "GET runtimes":
		reply(w, object{"runtimes": []object{{"name": "go126", "status": "available", "language": "Go"}}})
	case request == "GET functions/fn/upload-url":
		reply(w, object{"url": s.url + "/upload"})
	case request == "POST functions/fn/deploy", request == "PATCH functions/fn", request == "GET functions/fn":
		for key, value := range sent {
			if key != "secret_environment_variables" {
				s.functions[0][key] = value
			}
		}
		s.functions[0]["status"] = "ready"
		reply(w, s.functions[0])
	case request == "GET domains":
		reply(w, object{"domains": append([]object{}, s.domains...), "total_count": len(s.domains)})
	case request == "GET triggers":
		reply(w, object{"triggers": []object{}})
	case request == "GET crons":
		reply(w, object{"crons": append([]object{}, s.crons...), "total_count": len(s.crons)})
	case request == "POST crons":
		sent["id"], sent["status"] = fmt.Sprintf("cron%d", len(s.requests)), "ready"
		s.crons = append(s.crons, sent)
		reply(w, sent)
	case name == "crons" && r.Method == http.MethodDelete:
		s.crons = slices.DeleteFunc(s.crons, func(c object) bool { return c["id"] == id })
		reply(w, object{"status": "deleting"})
	default:
		s.t.Errorf("unknown request %s", request)
		w.WriteHeader(http.StatusNotFound)
	}
}

// hash is argon2id of ownUID, as the API gives it.
const hash = "$argon2id$v=19$m=65536,t=1,p=2$lYLpLQqtNAfB1Tt7WIJDOA$q5aiW6BytMA5J7XZFVSTA+dsp/WRY9EEsGngqx+s8R0"

func (s *stub) status(namespace object) object {
	now := object{"status": "ready"}
	maps.Copy(now, namespace)
	if s.looks++; s.pending != nil && s.pending(s.looks) {
		now["status"] = "pending"
	}
	return now
}

func (s *stub) count(request string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, seen := range s.requests {
		if seen == request {
			n++
		}
	}
	return n
}

func reply(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client's connection broke: it will say so
}
