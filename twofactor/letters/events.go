package letters

import (
	"io/fs"

	"twofold/twofactor"
)

// Events are what a notice may tell: the Event of its Vars. Detail names the thing,
// such as the new second factor. For another event there is a general sentence.
const (
	EventPasswordChanged   = "password_changed"
	EventFactorAdded       = "factor_added"
	EventFactorRemoved     = "factor_removed"
	EventFactorsReset      = "factors_reset"
	EventRecoveryUsed      = "recovery_used"
	EventRecoveryLow       = "recovery_low"
	EventRecoveryRenewed   = "recovery_renewed"
	EventBypassIssued      = "bypass_issued"
	EventBypassUsed        = "bypass_used"
	EventEmailChanged      = "email_changed"
	EventPhoneChanged      = "phone_changed"
	EventWrongCodes        = "wrong_codes"
	EventLocked            = "locked"
	EventBrowserRemembered = "browser_remembered"
	EventLoginLinked       = "login_linked"
	EventLoginUnlinked     = "login_unlinked"
)

// eventOther is the sentence for what has none.
const eventOther = "other"

// eventSentence tells what happened, in a language or in English.
func eventSentence(lang, event string) string {
	sub, err := fs.Sub(files, "texts/events")
	if err != nil {
		panic("letters: events: " + err.Error())
	}
	texts := twofactor.MustTexts(sub)
	if texts["en"][event] == "" {
		event = eventOther
	}
	return texts.Say(lang, event)
}
