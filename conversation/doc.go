// Package conversation keeps the history of a conversation, and runs the tools that its model
// calls, so that the history cannot break.
package conversation
