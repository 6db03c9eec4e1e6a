package db

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// slogger reports slow and failed statements, with placeholders for the values
// (see Explain).
type slogger struct{ log *slog.Logger }

const slow = 500 * time.Millisecond

func newLogger(l *slog.Logger) logger.Interface {
	if l == nil {
		l = slog.New(slog.DiscardHandler)
	}
	return slogger{l}
}

func (s slogger) LogMode(logger.LogLevel) logger.Interface        { return s }
func (s slogger) Info(ctx context.Context, msg string, _ ...any)  { s.log.InfoContext(ctx, msg) }
func (s slogger) Warn(ctx context.Context, msg string, _ ...any)  { s.log.WarnContext(ctx, msg) }
func (s slogger) Error(ctx context.Context, msg string, _ ...any) { s.log.ErrorContext(ctx, msg) }

func (s slogger) Trace(ctx context.Context, begin time.Time, fc func() (string, int64), err error) {
	took := time.Since(begin)
	switch {
	case err != nil && !errors.Is(err, gorm.ErrRecordNotFound) && !errors.Is(err, gorm.ErrDuplicatedKey) && !errors.Is(err, context.Canceled):
		q, _ := fc()
		s.log.ErrorContext(ctx, "database statement failed", "sql", q, "error", err.Error(), "took", took)
	case took > slow:
		q, rows := fc()
		s.log.WarnContext(ctx, "database statement slow", "sql", q, "rows", rows, "took", took)
	}
}
