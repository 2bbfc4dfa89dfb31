with

records as (
    {{ counting_versions('meeting_statements', ['statement_id']) }}
),

meetings as (
    select * from {{ ref('stg_meetings') }}
),

states as (
    select * from {{ ref('stg_states') }}
),

compliance_cases as (
    select * from {{ ref('stg_compliance_cases') }}
)

select
    records.statement_id,
    records.meeting_id,
    records.iso3,
    records.topic,
    records.case_id,
    {{ provenance('records') }}
from records
inner join meetings on records.meeting_id = meetings.meeting_id
inner join states on records.iso3 = states.iso3
left join compliance_cases on records.case_id = compliance_cases.case_id
-- a case_id refers only in a compliance_update
where records.topic <> 'compliance_update' or compliance_cases.case_id is not null
