"""Values on their way into BSON and back: Decimal is Decimal128, int64 is int, dates are aware and UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bson import Decimal128, Int64
from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry

from domain.ports import JournalDocument

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _ToDecimal(TypeDecoder):
    bson_type = Decimal128

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


class _ToInt(TypeDecoder):
    bson_type = Int64

    def transform_bson(self, value: Int64) -> int:
        return int(value)


def _encode(value: object) -> object:
    """Encode what the driver does not know. Decimal128 keeps the exponent, so a round trip is exact."""
    return Decimal128(value) if isinstance(value, Decimal) else value


CODEC: CodecOptions[JournalDocument] = CodecOptions(
    document_class=dict,
    tz_aware=True,
    tzinfo=UTC,
    type_registry=TypeRegistry([_ToDecimal(), _ToInt()], fallback_encoder=_encode),
)


def date(epoch_ms: int) -> datetime:
    """Return the aware UTC date that BSON stores (it holds milliseconds)."""
    return _EPOCH + epoch_ms * timedelta(milliseconds=1)


def journal_bson(document: Mapping[str, object]) -> JournalDocument:
    """Return the document as it is stored: `seq` and `ts` int64 whatever their size, `recorded_at` a date."""
    stored = dict(document)
    for name in ("seq", "ts"):
        value = stored.get(name)
        if isinstance(value, int):
            stored[name] = Int64(value)
    recorded_at = stored.get("recorded_at")
    if isinstance(recorded_at, int):
        stored["recorded_at"] = date(recorded_at)
    return stored
