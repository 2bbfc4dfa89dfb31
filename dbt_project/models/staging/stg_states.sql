with

records as (
    {{ counting_versions('states', ['iso3']) }}
)

select
    records.iso3,
    records.name,
    records.un_region,
    {{ provenance('records') }}
from records
