module github.com/parley-sdk/parley/middleware/compare

go 1.26.0

require (
	github.com/failsafe-go/failsafe-go v0.9.8
	github.com/parley-sdk/parley v0.0.0
)

replace github.com/parley-sdk/parley => ../..
