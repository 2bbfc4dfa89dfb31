with

records as (
    {{ counting_versions('meeting_participants', ['registration_id']) }}
),

meetings as (
    select * from {{ ref('stg_meetings') }}
),

states as (
    select * from {{ ref('stg_states') }}
)

select
    records.registration_id,
    records.meeting_id,
    records.delegation_kind,
    records.iso3,
    records.gender,
    records.is_mine_victim,
    records.attended,
    records.person_key,
    records.organization_key,
    {{ provenance('records') }}
from records
inner join meetings on records.meeting_id = meetings.meeting_id
left join states on records.iso3 = states.iso3
where records.delegation_kind <> 'state' or states.iso3 is not null
