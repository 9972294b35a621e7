// Package gateway is what stands in front of all functions and containers: it
// lets a request in, or turns it away, and calls what crons call.
//
// No call to an endpoint was ever recorded (docs/scaleway.md, Private endpoints):
// what it does is assumed, under A07, A29 to A33 and A76 in ASSUMPTIONS.md. Who
// may call private endpoints it asks IAM, and what is behind a host, package
// serverless.
package gateway
