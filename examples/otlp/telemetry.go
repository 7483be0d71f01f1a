package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// setUp sets up OpenTelemetry for the process, once and before the first model is wrapped. The
// function that it returns sends what has not been sent yet, and is called last.
func setUp(ctx context.Context, w io.Writer) (shutdown func(context.Context) error, err error) {
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", "parley-example"),
			attribute.String("service.instance.id", rand.Text()), // keeps the series of two processes apart
		),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word
	)
	if err != nil {
		return nil, err
	}
	spans, err := spanExporter(ctx, w)
	if err != nil {
		return nil, err
	}
	metrics, err := metricExporter(ctx, w)
	if err != nil {
		return nil, err
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(spans))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	otel.SetTracerProvider(tp)
	otel.SetMeterProvider(mp)
	return func(ctx context.Context) error {
		return errors.Join(tp.Shutdown(ctx), mp.Shutdown(ctx))
	}, nil
}

// The variables of the OpenTelemetry specification that say where OTLP goes to. The exporters
// read them, and others of the kind, such as OTEL_EXPORTER_OTLP_HEADERS, by themselves.
const (
	endpointVariable        = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpointVariable  = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	metricsEndpointVariable = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
)

func spanExporter(ctx context.Context, w io.Writer) (sdktrace.SpanExporter, error) {
	if os.Getenv(endpointVariable) == "" && os.Getenv(tracesEndpointVariable) == "" {
		return stdouttrace.New(stdouttrace.WithWriter(w), stdouttrace.WithPrettyPrint())
	}
	return otlptracehttp.New(ctx)
}

func metricExporter(ctx context.Context, w io.Writer) (sdkmetric.Exporter, error) {
	if os.Getenv(endpointVariable) == "" && os.Getenv(metricsEndpointVariable) == "" {
		return stdoutmetric.New(stdoutmetric.WithWriter(w), stdoutmetric.WithPrettyPrint())
	}
	return otlpmetrichttp.New(ctx)
}
