package handler

// Decode is decode, for FuzzDecode.
var Decode = decode
