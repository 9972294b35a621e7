package transport

import (
	"net/http"
	"time"
)

// RetryAfter reads an answer's header of that name.
func RetryAfter(resp *http.Response) (time.Duration, bool) { return retryAfter(resp) }
