package wire

import (
	"fmt"
	"net/http"
)

// Error is an answer other than success. WriteError alone writes it.
// There are two families of bodies (docs/scaleway.md, Errors), and which one a
// product speaks is told by its route, not by the error.
type Error struct {
	Status int
	Body   any // nil: no body and no Content-Type, as the gateway's 429
	Header http.Header
}

func (e *Error) Error() string { return fmt.Sprintf("%d %v", e.Status, e.Body) }

// Object is a JSON object that has no type of its own.
type Object = map[string]any

// NotFound is the standard 404 of IAM, account, Secret Manager and
// containers v1.
func NotFound(resource, id string) *Error {
	return &Error{Status: http.StatusNotFound, Body: Object{
		"message": "resource is not found", "resource": resource, "resource_id": id, "type": "not_found",
	}}
}

// NoSuch is the 404 of functions v1beta1 and containers v1beta1; kind is
// Token, Namespace, Function, Container, Cron or Domain.
func NoSuch(kind string) *Error {
	return &Error{Status: http.StatusNotFound, Body: Object{"message": kind + " was not found"}}
}

// Invalid is the standard 400. reason is format, constraint, required or
// unknown.
func Invalid(argument, reason, help string) *Error {
	return &Error{Status: http.StatusBadRequest, Body: Object{
		"details": []Object{{"argument_name": argument, "help_message": help, "reason": reason}},
		"message": "invalid argument(s)", "type": "invalid_arguments",
	}}
}

// Message is the plain error of functions and containers v1beta1.
func Message(status int, format string, args ...any) *Error {
	return &Error{Status: status, Body: Object{"message": fmt.Sprintf(format, args...)}}
}

// Denied is the 401; reason is not_found, invalid_argument or expired.
func Denied(reason string) *Error {
	return &Error{Status: http.StatusUnauthorized, Body: Object{
		"message": "authentication is denied", "method": "api_key", "reason": reason, "type": "denied_authentication",
	}}
}

// Forbidden is the 403 of a caller that is known but lacks a permission.
func Forbidden(action, resource string) *Error {
	return &Error{Status: http.StatusForbidden, Body: Object{
		"details": []Object{{"action": action, "resource": resource}},
		"message": "insufficient permissions", "type": "permissions_denied",
	}}
}

// Exists is the 409 of a name that is taken.
func Exists(resource, id, help string) *Error {
	return &Error{Status: http.StatusConflict, Body: Object{
		"help_message": help, "message": "resource already exists",
		"resource": resource, "resource_id": id, "type": "already_exists",
	}}
}

// Precondition is the 412.
func Precondition(precondition, help string) *Error {
	return &Error{Status: http.StatusPreconditionFailed, Body: Object{
		"help_message": help, "message": "precondition is not respected",
		"precondition": precondition, "type": "precondition_failed",
	}}
}

// QuotaExceeded is what the SDK knows of an exceeded quota; never recorded.
func QuotaExceeded(resource string, quota, current int) *Error {
	return &Error{Status: http.StatusForbidden, Body: Object{
		"details": []Object{{"resource": resource, "quota": quota, "current": current}},
		"message": "quota(s) exceeded for this resource", "type": "quotas_exceeded",
	}}
}
