-- Pairs of a meeting that began in a year begun and a person who attended it: of one person's registrations at a
-- meeting the one with the greatest registration_id speaks (semantics.md, participants).

with

registrations as (
    select * from {{ ref('stg_meeting_participants') }} where attended
),

meetings as (
    select * from {{ ref('stg_meetings') }}
),

years as (
    select * from {{ ref('int_reporting_years') }}
),

speaking as (
    select *
    from registrations
    qualify
        row_number() over (
            partition by meeting_id, person_key
            order by registration_id desc
        ) = 1
)

select
    years.reporting_year,
    speaking.meeting_id,
    meetings.starts_on,
    speaking.person_key,
    speaking.registration_id,
    speaking.delegation_kind,
    speaking.iso3,
    speaking.gender,
    case
        when speaking.delegation_kind = 'survivor_organization' then speaking.organization_key
    end as survivor_organization_key,
    max(case when speaking.is_mine_victim then 1 else 0 end) over (
        partition by years.reporting_year, speaking.person_key
    ) = 1 as is_mine_victim
from speaking
inner join meetings on speaking.meeting_id = meetings.meeting_id
inner join years on meetings.starts_on between years.year_start and years.cut_off
