// Package proxy reaches the emulator's hosts by their real names, over sockets:
// for curl, browsers, and whatever else takes HTTPS_PROXY.
//
// It promises to open no connection of its own: what is not the emulator's is a
// 502. Its CA lives as long as the proxy does, and its key is in no file. It is a
// tool of this project, and no part of Scaleway's.
package proxy
