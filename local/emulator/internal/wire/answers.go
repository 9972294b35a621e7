package wire

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
)

// WriteAnswer writes a success: the object with 200, or for nil a 204 without a
// body.
func WriteAnswer(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(answer)
}

// WriteError writes an error. One that is none of the API's is its own failure.
func WriteError(w http.ResponseWriter, err error) {
	var failure *Error
	if !errors.As(err, &failure) {
		failure = Message(http.StatusInternalServerError, "Internal error")
	}
	maps.Copy(w.Header(), failure.Header)
	if failure.Body == nil {
		w.WriteHeader(failure.Status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(failure.Status)
	_ = json.NewEncoder(w).Encode(failure.Body)
}
