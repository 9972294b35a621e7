package emulator

import (
	"fmt"
	"net/http"
)

// apiError is an answer other than success. One place (dispatch) writes it.
// Bodies follow FACTS section 2: there are two families, and which one a
// product speaks is told by its route, not by the error.
type apiError struct {
	status int
	body   any // nil: no body and no Content-Type, as the gateway's 429
	header http.Header
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %v", e.status, e.body) }

type object = map[string]any

// errNotFound is the standard 404 of IAM, account, Secret Manager and
// containers v1.
func errNotFound(resource, id string) *apiError {
	return &apiError{status: http.StatusNotFound, body: object{
		"message": "resource is not found", "resource": resource, "resource_id": id, "type": "not_found",
	}}
}

// errNoSuch is the 404 of functions v1beta1 and containers v1beta1; kind is
// Token, Namespace, Function, Container, Cron or Domain.
func errNoSuch(kind string) *apiError {
	return &apiError{status: http.StatusNotFound, body: object{"message": kind + " was not found"}}
}

// errInvalid is the standard 400. reason is format, constraint, required or
// unknown.
func errInvalid(argument, reason, help string) *apiError {
	return &apiError{status: http.StatusBadRequest, body: object{
		"details": []object{{"argument_name": argument, "help_message": help, "reason": reason}},
		"message": "invalid argument(s)", "type": "invalid_arguments",
	}}
}

// errMessage is the plain error of functions and containers v1beta1.
func errMessage(status int, format string, args ...any) *apiError {
	return &apiError{status: status, body: object{"message": fmt.Sprintf(format, args...)}}
}

// errDenied is the 401; reason is not_found, invalid_argument or expired.
func errDenied(reason string) *apiError {
	return &apiError{status: http.StatusUnauthorized, body: object{
		"message": "authentication is denied", "method": "api_key", "reason": reason, "type": "denied_authentication",
	}}
}

// errForbidden is the 403 of a caller that is known but lacks a permission.
func errForbidden(action, resource string) *apiError {
	return &apiError{status: http.StatusForbidden, body: object{
		"details": []object{{"action": action, "resource": resource}},
		"message": "insufficient permissions", "type": "permissions_denied",
	}}
}

// errExists is the 409 of a name that is taken.
func errExists(resource, id, help string) *apiError {
	return &apiError{status: http.StatusConflict, body: object{
		"help_message": help, "message": "resource already exists",
		"resource": resource, "resource_id": id, "type": "already_exists",
	}}
}

// errPrecondition is the 412.
func errPrecondition(precondition, help string) *apiError {
	return &apiError{status: http.StatusPreconditionFailed, body: object{
		"help_message": help, "message": "precondition is not respected",
		"precondition": precondition, "type": "precondition_failed",
	}}
}

// errQuota is what the SDK knows of an exceeded quota; never recorded.
func errQuota(resource string, quota, current int) *apiError {
	return &apiError{status: http.StatusForbidden, body: object{
		"details": []object{{"resource": resource, "quota": quota, "current": current}},
		"message": "quota(s) exceeded for this resource", "type": "quotas_exceeded",
	}}
}
