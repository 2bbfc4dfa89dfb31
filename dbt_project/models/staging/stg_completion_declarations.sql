with

records as (
    {{ counting_versions('completion_declarations', ['declaration_id']) }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.declaration_id,
    records.iso3,
    records.declared_on,
    records.voluntary_declaration,
    {{ provenance('records') }}
from records
inner join states on records.iso3 = states.iso3
