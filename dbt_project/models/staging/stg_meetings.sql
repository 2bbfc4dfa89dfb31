with

records as (
    {{ counting_versions('meetings', ['meeting_id']) }}
)

select
    records.meeting_id,
    records.title,
    records.kind,
    records.starts_on,
    records.ends_on,
    {{ provenance('records') }}
from records
