// Package emulator is the part of Scaleway's API that the rotator needs, held
// in memory, with the gateway that stands in front of private functions and
// containers.
//
// It is an http.Handler: listening is the caller's business, so that tests and
// the local runner run the same thing. It promises what the platform enforces:
// authentication, IAM permission sets, privacy at the gateway, asynchronous
// status changes on its own clock, paging, filters and error bodies. What it
// answers is taken from recordings of the real API; what nobody recorded is a
// numbered assumption in ASSUMPTIONS.md.
//
// This package is the front: New puts an emulator together, and what tests hold
// in their hands has its name here. The rest stands below, each package by what
// a reader looks for, and imports point down:
//
//	control, audit                  looks at it and moves it; watches a client of it
//	internal/gateway                lets requests in to functions and containers; fires crons
//	internal/account, iam, mail,    the products. None knows another: what one needs
//	  secrets, serverless           of the next is an interface of its own
//	internal/api                    routes, callers, rights, filters and pages, of all products
//	internal/permission, settings   what each call needs; what can be otherwise
//	internal/traffic                history, faults, latency, the way in without a socket
//	internal/wire, store, clock     times and errors as they are written; tables and ids; time
//	internal/proxy                  the hosts by their real names, over sockets
//	seeds, internal/strict          what an organization holds at first; JSON that people write
//
// One lock guards the state of all products. Package api takes it for every
// request; the front, the gateway, control and audit take it for whatever they
// do. A product takes it only in what runs beside requests, or where it says so.
//
// It imports nothing of this project and declares its own wire types: sharing
// the client's would hide a misspelt field from both sides.
package emulator
